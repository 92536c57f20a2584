"""Programs that time layers and recipes against PyTorch's."""
