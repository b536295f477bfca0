"""Writes the protobuf definitions of the official Python SDK to stdout, a FileDescriptorProto:

    descriptors.py 1.0|0.3
"""

import sys

from a2a.compat.v0_3 import a2a_v0_3_pb2
from a2a.types import a2a_pb2

MODULES = {'1.0': a2a_pb2, '0.3': a2a_v0_3_pb2}

sys.stdout.buffer.write(MODULES[sys.argv[1]].DESCRIPTOR.serialized_pb)
