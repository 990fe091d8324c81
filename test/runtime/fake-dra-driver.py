# A driver of dynamic resource allocation for a real kubelet, which prepares whatever it is asked to: fake-dra-driver.py DIR
# NAME serves in the kubelet's directory DIR, says when the kubelet has registered it, and goes on until it is killed.
# Source: k8s.io/kubelet/pkg/apis, dra/v1/api.proto and pluginregistration/v1/api.proto.
import os
import sys
from concurrent import futures

import grpc

directory, name = sys.argv[1:]
SOCKET = f"plugins/{name}.sock"


def field(number, value):
    """A string or a message in protobuf's encoding; both are short here."""
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(data)]) + data


def fields(message):
    """The strings and messages of a message, by number; all are short here."""
    while message:
        end = 2 + message[1]
        yield message[0] >> 3, message[2:end]
        message = message[end:]


def info(_request, _context):
    endpoint = f"/var/lib/kubelet/{SOCKET}"  # as the kubelet sees it
    return field(1, "DRAPlugin") + field(2, name) + field(3, endpoint) + field(4, "v1.DRAPlugin")


def registered(request, _context):
    print(f"registered: {request!r}", flush=True)
    return b""


def succeed(request, _context):
    uids = [value for _, claim in fields(request) for number, value in fields(claim) if number == 2]
    return b"".join(field(1, field(1, uid) + field(2, b"")) for uid in uids)


def serve(path, methods):
    class Methods(grpc.GenericRpcHandler):
        def service(self, handler_call_details):
            method = methods.get(handler_call_details.method)
            return method and grpc.unary_unary_rpc_method_handler(method)

    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Methods()])
    os.makedirs(os.path.dirname(f"{directory}/{path}"), exist_ok=True)
    server.add_insecure_port(f"unix:{directory}/{path}")
    server.start()
    return server


SERVICE = "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin"
REGISTRATION = "/pluginregistration.Registration"
driver = serve(
    SOCKET,
    {f"{SERVICE}/NodePrepareResources": succeed, f"{SERVICE}/NodeUnprepareResources": succeed},
)
registration = serve(
    f"plugins_registry/{name}-reg.sock",
    {f"{REGISTRATION}/GetInfo": info, f"{REGISTRATION}/NotifyRegistrationStatus": registered},
)
driver.wait_for_termination()
