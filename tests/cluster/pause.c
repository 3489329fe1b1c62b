/* Holds a pod's namespaces, and the cluster's own: waits for a signal to end, and for children nobody else waits for. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(int number) {
  (void)number;
  _exit(0);
}
static void reap(int number) {
  (void)number;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}
int main(void) {
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
