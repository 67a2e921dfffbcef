"""Many runs of many variants, compared over seeds."""
