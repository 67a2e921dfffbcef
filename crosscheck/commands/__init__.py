"""What people run, beside the stages that DVC runs."""
