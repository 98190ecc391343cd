"""The model zoo: each module has ``step(preset=..., **fields) -> Step``, abstract until asked for inputs."""
