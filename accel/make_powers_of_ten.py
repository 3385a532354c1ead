"""Write powers_of_ten.h: ``python accel/make_powers_of_ten.py``.

The table holds the leading 128 bits of 10**k, rounded up, for every k that the shortest digits of a
double can need: R. Giulietti, "The Schubfach way to render doubles" (2020), section 9.
"""

from __future__ import annotations

from pathlib import Path

LEAST = -292
MOST = 324
MASK = (1 << 64) - 1


def leading_bits(k: int) -> int:
    """Return 10**k scaled to 128 significant bits, rounded up."""
    over, under = (int(10**k), 1) if k >= 0 else (1, int(10**-k))
    shift = 128 + under.bit_length() - over.bit_length()
    if shift >= 0:
        over <<= shift
    else:
        under <<= -shift
    if over >= under << 128:
        under <<= 1
    return -(-over // under)


def main() -> None:
    lines = [
        "/* Made by make_powers_of_ten.py: do not edit. */",
        "#ifndef S2_POWERS_OF_TEN_H",
        "#define S2_POWERS_OF_TEN_H",
        "",
        "#include <stdint.h>",
        "",
        f"#define S2_LEAST_POWER_OF_TEN ({LEAST})",
        "",
        "/* Halves of the leading bits of 10**(S2_LEAST_POWER_OF_TEN + i), the high one first. */",
        "static const uint64_t s2_powers_of_ten[][2] = {",
    ]
    for k in range(LEAST, MOST + 1):
        bits = leading_bits(k)
        lines.append(f"    {{0x{bits >> 64:016x}u, 0x{bits & MASK:016x}u}},")
    lines += ["};", "", "#endif", ""]
    Path(__file__).with_name("powers_of_ten.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
