#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>

extern "C" {
#include <sys/pidfd.h>  // that of glibc 2.36 does not say that it is C
}

namespace waybill {
namespace {

constexpr int signal_codes = 128;  // as a shell has it

std::unexpected<Error> system_error(const std::string& doing, int error) {
  return fail(Code::unavailable, doing + ": " + std::strerror(error));
}

class RunningChild final : public Child {
 public:
  RunningChild(pid_t process, int watched) : process_(process), watched_(watched) {}
  ~RunningChild() override {
    if (!code_) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    ::close(watched_);
  }
  RunningChild(const RunningChild&) = delete;
  RunningChild& operator=(const RunningChild&) = delete;

  Result<Duration> cpu_time() const override {
    clockid_t clock{};
    if (const int error = ::clock_getcpuclockid(process_, &clock); error != 0)
      return system_error("processor time of process " + std::to_string(process_), error);
    timespec used{};
    if (::clock_gettime(clock, &used) != 0)
      return system_error("processor time of process " + std::to_string(process_), errno);
    return std::chrono::duration_cast<Duration>(std::chrono::seconds(used.tv_sec) +
                                                std::chrono::nanoseconds(used.tv_nsec));
  }

  void ask_to_stop() override {
    if (!code_) ::kill(process_, SIGTERM);
  }

  std::optional<int> wait(std::chrono::milliseconds at_most) override {
    if (code_) return code_;
    pollfd ended{.fd = watched_, .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, static_cast<int>(at_most.count()));
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == process_)
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : signal_codes + WTERMSIG(status);
    return code_;
  }

 private:
  pid_t process_;
  int watched_;
  std::optional<int> code_;
};

// What exec wants: made before fork, because nothing may be allocated between the two.
struct Texts {
  std::vector<std::string> kept;
  std::vector<char*> pointers;

  void end() {
    for (std::string& text : kept) pointers.push_back(text.data());
    pointers.push_back(nullptr);
  }
};

Texts environment_without(const std::string& prefix) {
  Texts texts;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (prefix.empty() || !std::string_view(*variable).starts_with(prefix)) texts.kept.emplace_back(*variable);
  texts.end();
  return texts;
}

// Between fork and exec: system calls only. Ends the process where one fails.
[[noreturn]] void become(const char* program, const Texts& arguments, const Texts& environment, int input, int output,
                         pid_t parent) {
  constexpr int not_started = 127;  // as a shell has it
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(not_started);  // it ended before the system was told to tell us
  if (::dup2(input, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 && ::dup2(output, STDERR_FILENO) >= 0)
    ::execve(program, arguments.pointers.data(), environment.pointers.data());
  ::_exit(not_started);
}

}  // namespace

Result<std::unique_ptr<Child>> start_child(const ChildOptions& options) {
  const std::string doing = "start " + options.program;
  Texts arguments{.kept = {options.program}, .pointers = {}};
  arguments.kept.insert(arguments.kept.end(), options.arguments.begin(), options.arguments.end());
  arguments.end();
  const Texts environment = environment_without(options.without);
  const char* path = options.output.empty() ? "/dev/null" : options.output.c_str();
  constexpr mode_t for_the_owner = 0600;
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, for_the_owner);
  int error = errno;
  pid_t process = -1;
  const pid_t parent = ::getpid();
  if (input >= 0 && output >= 0) {
    process = ::fork();
    error = errno;
    if (process == 0) become(options.program.c_str(), arguments, environment, input, output, parent);
  }
  if (input >= 0) ::close(input);
  if (output >= 0) ::close(output);
  if (process < 0) return system_error(doing, error);
  const int watched = ::pidfd_open(process, 0);
  if (watched < 0) {
    error = errno;
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    return system_error(doing, error);
  }
  return std::make_unique<RunningChild>(process, watched);
}

Result<std::string> own_program() {
  std::error_code error;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) return fail(Code::unavailable, "read /proc/self/exe: " + error.message());
  return path;
}

}  // namespace waybill
