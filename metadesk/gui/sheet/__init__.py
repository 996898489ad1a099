"""The spreadsheet editor: cells, roles in the header, live effects, exclusion, clipboard, find."""
