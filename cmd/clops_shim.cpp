// clops-shim: what the embedded plane starts between itself and each container. Nobody types it.
#include "local/node/shim.h"

int main(int argc, char** argv) {
  return clops::local::run_shim(argc, argv);
}
