"""What people look at: reports of plans and searches."""
