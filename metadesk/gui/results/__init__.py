"""What was found, on the screen: tables and figures."""
