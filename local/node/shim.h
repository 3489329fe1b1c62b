// The supervisor of one container: a process of its own, so that a container, its log and its exit status outlive the
// plane.
//
// It holds the lock it was given for as long as it lives, records the container's pid and start time before the
// container runs, writes its output line by line with the time into bounded files, reaps every descendant, and on the
// end of the container kills what is left of it and records how it ended. It links nothing but libc and is started in a
// millisecond. Files in its folder: `state` ("pid start_time shim_pid boot_id"), `exit` ("exited CODE TIME", "signalled
// N TIME" or "failed MESSAGE"), `log`, `log.1`. Thread rule: one thread. Errors: exit code 125, with what happened in
// `exit`.
#pragma once

namespace clops::local {

// clops-shim --dir=D --cwd=D --lock-fd=N --ready-fd=N --log-bytes=N -- PROGRAM ARGV0 [ARG...]
// The ready descriptor is closed once `state` is written and the program runs, or could not be started.
int run_shim(int argc, char** argv);

}  // namespace clops::local
