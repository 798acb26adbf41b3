from mmsync.protocols.benchmark import Benchmark, benchmark_history
from mmsync.protocols.protocol import Protocol, apply_options, base_config, lay_over, list_protocols, load_protocol

__all__ = ["Benchmark", "Protocol", "apply_options", "base_config", "benchmark_history", "lay_over", "list_protocols"]
__all__ += ["load_protocol"]
