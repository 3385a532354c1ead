"""The plugins that the SDK ships: one subpackage each, declared as entry points like anybody's."""
