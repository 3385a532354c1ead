"""What plugs into the SingleStore SDK: the driver and the local server named ``bitdotio``.

Nothing else of this distribution imports ``singlestoredb``.
"""
