"""What every room uses: errors, files, parameters, processes, devices, and the hash of the project's code."""
