"""Programs of others that the app starts."""
