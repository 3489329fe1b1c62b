// The bar for gRPC: grpc++ answering every call with the same bytes, one completion queue, one thread.
//   grpc_echo PORT FILE      FILE: the answer, a serialized message
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace {

class Call {
 public:
  Call(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue, const grpc::ByteBuffer& answer)
      : service_(service), queue_(queue), answer_(answer), stream_(&context_) {
    service_.RequestCall(&context_, &stream_, &queue_, &queue_, this);
  }
  // What was waited for has happened; false: it never will.
  void go_on(bool ok) {
    if (!ok || step_ == 2) {
      delete this;
    } else if (step_++ == 0) {
      new Call(service_, queue_, answer_);
      stream_.Read(&request_, this);
    } else {
      stream_.WriteAndFinish(answer_, {}, grpc::Status::OK, this);
    }
  }

 private:
  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  const grpc::ByteBuffer& answer_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer request_;
  int step_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: grpc_echo PORT FILE\n", 2;
  std::ifstream in(argv[2], std::ios::binary);
  const grpc::Slice slice(std::string((std::istreambuf_iterator<char>(in)), {}));
  const grpc::ByteBuffer answer(&slice, 1);
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service);
  const auto queue = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  if (!server) return 1;
  std::cout << "listening " << port << std::endl;
  for (int i = 0; i < 64; ++i) new Call(service, *queue, answer);
  void* tag = nullptr;
  for (bool ok = false; queue->Next(&tag, &ok);) static_cast<Call*>(tag)->go_on(ok);
}
