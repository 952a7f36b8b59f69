"""What every family of figures uses: rows, measured processes, load."""
