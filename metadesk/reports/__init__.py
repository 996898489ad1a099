"""Results written up: ``compose`` makes documents; others write workbooks and JSON."""
