"""Public helpers below the SDK's face; each module states what it is for."""
