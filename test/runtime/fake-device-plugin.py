# A device plugin for a real kubelet: fake-device-plugin.py DIR RESOURCE DEVICE[,FILE...]... registers with the kubelet whose
# device-plugins directory is DIR, says so, and serves until it is killed. A device is only a name, or a name with the files of /dev that
# its container gets.
# In Python, as Node's HTTP/2 refuses requests of kubelets before 1.24: their `:authority` is the path of a socket.
# Source: k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto.
import sys
import threading
from concurrent import futures

import grpc

directory, resource, *arguments = sys.argv[1:]
devices = {name: files for name, *files in (argument.split(",") for argument in arguments)}
ENDPOINT = f"{resource.replace('/', '_')}.sock"


def field(number, value):
    """A string or a message in protobuf's encoding; both are short here."""
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(data)]) + data


def messages(data):
    """The elements of a message that has nothing else, and is short."""
    while data:
        yield data[2 : 2 + data[1]]
        data = data[2 + data[1] :]


def list_and_watch(_request, _context):
    yield b"".join(field(1, field(1, device) + field(2, "Healthy")) for device in devices)
    threading.Event().wait()


def allocate(request, _context):
    answer = b""
    for container in messages(request):
        names = [name.decode() for name in messages(container)]
        files = dict.fromkeys(file for name in names for file in devices[name])
        answer += field(1, b"".join(field(3, field(1, file) + field(2, file) + field(3, "rw")) for file in files))
    return answer


METHODS = {
    "/v1beta1.DevicePlugin/GetDevicePluginOptions": grpc.unary_unary_rpc_method_handler(lambda *_: b""),
    "/v1beta1.DevicePlugin/ListAndWatch": grpc.unary_stream_rpc_method_handler(list_and_watch),
    "/v1beta1.DevicePlugin/Allocate": grpc.unary_unary_rpc_method_handler(allocate),
}


class Methods(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        return METHODS.get(handler_call_details.method)


server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Methods()])
server.add_insecure_port(f"unix:{directory}/{ENDPOINT}")
server.start()
with grpc.insecure_channel(f"unix:{directory}/kubelet.sock") as kubelet:
    register = kubelet.unary_unary("/v1beta1.Registration/Register")
    register(field(1, "v1beta1") + field(2, ENDPOINT) + field(3, resource), timeout=10)
print("registered", flush=True)
server.wait_for_termination()
