"""The plugin families: their entry-point groups and the hooks that make a plugin one of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """One kind of plugin."""

    name: str
    """Plural, as in settings: ``formats``."""
    noun: str
    """Singular, as in messages: ``format``."""
    provides: tuple[str, ...]
    """Hooks of which a plugin must implement at least one."""
    by_name: bool = True
    """Whether one provider is picked by name; otherwise all that are allowed take part."""

    @property
    def group(self) -> str:
        """The entry-point group."""
        return f"singlestoredb.{self.name}"


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("drivers", "driver", ("s2_open_driver",)),
        Family("accelerators", "accelerator", ("s2_make_accelerator",)),
        Family("formats", "format", ("s2_make_format",)),
        Family("fusion", "Fusion command set", ("s2_fusion_handlers",), by_name=False),
        Family("udf_transports", "UDF transport", ("s2_make_udf_transport",)),
        Family("udf_codecs", "UDF codec", ("s2_make_udf_codec",)),
        Family("servers", "server", ("s2_start_server",)),
        Family(
            "extensions",
            "extension",
            (
                "s2_plugin_activated",
                "s2_connection_opened",
                "s2_connection_closed",
                "s2_statement_started",
                "s2_statement_finished",
                "s2_execute_statement",
            ),
            by_name=False,
        ),
    )
}
