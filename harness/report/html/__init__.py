"""The outage report as one HTML file: no request beyond the file, the same bytes for the same journal."""
