"""Ready-made parts that two or more architectures use."""
