"""Write powers_of_five.h: ``python accel/make_powers.py``.

The table holds the leading 128 bits of 5**q for every q that a decimal number can need before its
value is 0 or infinite.  What each entry must be follows from D. Lemire, "Number Parsing at a
Gigabyte per Second", Software: Practice and Experience 51 (2021), section 6: positive powers are
truncated, negative ones are reciprocals rounded up.
"""

from __future__ import annotations

from pathlib import Path

LEAST = -342
MOST = 308
MASK = (1 << 64) - 1


def leading_bits(q: int) -> int:
    """Return 5**q scaled to 128 significant bits."""
    if q >= 0:
        power = int(5**q)
        shift = 128 - power.bit_length()
        return power << shift if shift >= 0 else power >> -shift
    power = int(5**-q)
    width = (power - 1).bit_length()
    bits = width + 127 if q >= -27 else 2 * width + 128
    value = (1 << bits) // power + 1
    return value >> max(0, value.bit_length() - 128)


def main() -> None:
    lines = [
        "/* Made by make_powers.py: do not edit. */",
        "#ifndef S2_POWERS_OF_FIVE_H",
        "#define S2_POWERS_OF_FIVE_H",
        "",
        "#include <stdint.h>",
        "",
        f"#define S2_LEAST_POWER ({LEAST})",
        f"#define S2_MOST_POWER {MOST}",
        "",
        "/* The high and the low half of the 128 leading bits of 5**(S2_LEAST_POWER + i). */",
        "static const uint64_t s2_powers_of_five[][2] = {",
    ]
    for q in range(LEAST, MOST + 1):
        bits = leading_bits(q)
        lines.append(f"    {{0x{bits >> 64:016x}u, 0x{bits & MASK:016x}u}},")
    lines += ["};", "", "#endif", ""]
    Path(__file__).with_name("powers_of_five.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
