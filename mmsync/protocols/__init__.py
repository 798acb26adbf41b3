from .benchmark import Benchmark, benchmark_history, default_device
from .overlay import apply_options, base_config, lay_over
from .protocol import Protocol, list_protocols, load_protocol

__all__ = [
    "Benchmark",
    "Protocol",
    "apply_options",
    "base_config",
    "benchmark_history",
    "default_device",
    "lay_over",
    "list_protocols",
    "load_protocol",
]
