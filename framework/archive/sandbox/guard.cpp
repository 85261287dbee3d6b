#include "archive/sandbox/guard.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/util/Exception.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <lensbench/error.hpp>
#include <string_view>

#include "core/files/file_descriptor.hpp"

// Parent and child of a confined read. The parent validates the kind of the files, forks, forwards
// what the child prints, and turns a crash or a timeout of the child into one message. The child is
// a fork without exec, because its work is a function of the caller.

namespace lensbench {
namespace {

using Clock = std::chrono::steady_clock;
using Take = std::function<void(std::string_view)>;

// Exit codes of the command, see `Error::exit_code`. The limits keep a hostile file from filling
// the memory of the parent through messages or through an answer.
constexpr int kInvalidInput = 3, kRunFailed = 5;
constexpr std::size_t kMostWords = 1 << 20, kMostAnswer = std::size_t{1} << 30;

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Refuses what could block or never end, such as a pipe or a device, before the child opens it.
void require_file(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw InputError(path.string() + ": " +
                     (errno == ENOENT ? "file not found" : "cannot be read: " + errno_text(errno)) +
                     "; expected an archive (.h5)");
  if (!S_ISREG(status.st_mode))
    throw InputError(path.string() + ": is " + kind_of(status.st_mode) +
                     "; expected an archive (.h5)");
}

std::string names_of(const Access& access) {
  std::string names;
  for (const auto* paths : {&access.files, &access.folders})
    for (const auto& path : *paths) names += (names.empty() ? "" : " or ") + path.string();
  return names;
}

/// A message, with the names of the files before it unless it has one of them already.
std::string with_names(const std::string& sentence, const Access& access) {
  for (const auto* paths : {&access.files, &access.folders})
    for (const auto& path : *paths)
      if (sentence.find(path.string()) != std::string::npos) return sentence;
  return names_of(access) + ": " + sentence;
}

/// Runs `work` in the child and prints errors. \return exit code of the child
int answer_of(const Access& access, const std::function<int()>& work) {
  const auto say = [&](const std::string& what) {
    std::cerr << "lensbench: " << what << "\n";
    return kInvalidInput;
  };
  const std::string subject = names_of(access);
  try {
    // Text that could not be delivered (a full disk, a closed pipe) is a failure of the run.
    const int code = work();
    std::cout.flush();
    return std::cout ? code : kRunFailed;
    // Errors of lensbench name the file in most cases; all others are reported as damage of the
    // file.
  } catch (const RunError& error) {
    say(error.what());
    return error.exit_code();
  } catch (const Error& error) {
    return say(with_names(error.what(), access));
  } catch (const std::bad_alloc&) {
    return say(subject +
               ": reading it takes more memory than is allowed for its size; if you trust it, set "
               "LENSBENCH_READ_GIB=8 to allow 8 GiB more");
  } catch (const c10::Error& error) {
    return say(subject + ": damaged archive: " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    return say(subject + ": damaged archive: " + error.what());
  }
}

/// Both ends close at exec, so that no other program keeps the pipe open.
struct Pipe {
  FileDescriptor read, write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw RunError("cannot create a pipe: " + errno_text(errno));
    read = FileDescriptor(ends[0]);
    write = FileDescriptor(ends[1]);
  }
};

/// Body of the child. It ends by `_exit`: destructors of static objects and buffers of streams
/// belong to the parent, which would run and flush them a second time.
[[noreturn]] void run_in_child(const Access& access, const ReadLimits& limits, Pipe& out, Pipe& err,
                               const std::function<int()>& work) {
  // The child must not outlive a killed command.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out.write.get(), STDOUT_FILENO);
  ::dup2(err.write.get(), STDERR_FILENO);
  // Handlers of the parent refer to its state; the child ends by signals as any other program does.
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGXCPU, SIGXFSZ})
    std::signal(signal, SIG_DFL);
  at::set_num_threads(1);  // the threads of the parent do not exist after a fork
  // The first call that asks libtorch 2 about the processor reads /proc/cpuinfo. It is made here,
  // because a confined process cannot read that file and libtorch would print an error.
  at::show_config();
  confine(access, limits);
  const int code = answer_of(access, work);
  std::cout.flush();
  std::cerr.flush();
  ::_exit(code);
}

/// Forwards the output of the child until it closes both pipes. Both are read in one loop: a child
/// that waits for space in one of them would never close the other. The time that `take` needs (a
/// pager that waits for the user) does not count against the child.
/// \return false if the child was too slow
bool relay(pid_t child, Pipe& out, Pipe& err, std::uint64_t seconds, const Take& take,
           std::string& words) {
  auto end = Clock::now() + std::chrono::seconds(seconds);
  std::array<char, 1 << 16> buffer;
  std::array<pollfd, 2> sources{pollfd{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) {
      ::kill(child, SIGKILL);
      return false;
    }
    constexpr long kLongest = 60'000;
    if (::poll(sources.data(), sources.size(), static_cast<int>(std::min(left, kLongest))) <= 0)
      continue;
    for (pollfd& source : sources) {
      if (source.fd < 0 || source.revents == 0) continue;
      const ssize_t n =
          uninterrupted([&] { return ::read(source.fd, buffer.data(), buffer.size()); });
      // An error of the read counts like the end of the output.
      const std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
      const auto began = Clock::now();
      if (n <= 0)
        source.fd = -1;
      else if (&source == &sources[0])
        take(text);
      // Later messages are read and dropped, so that the child does not block on a full pipe.
      else if (words.size() < kMostWords)
        words += text;
      end += Clock::now() - began;
    }
  }
  return true;
}

/// Owner of the child process, which it ends if the parent does not wait for it.
class Child {
 public:
  explicit Child(pid_t number) : number_(number) {}
  ~Child() {
    if (number_ <= 0) return;
    ::kill(number_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Collects the exit status, without which the child would remain as a zombie.
  int wait() {
    int status = 0;
    rusage used{};
    uninterrupted([&] { return ::wait4(number_, &status, 0, &used); });
    number_ = 0;
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    cpu_seconds_ = seconds(used.ru_utime) + seconds(used.ru_stime);
    return status;
  }
  /// CPU time that the child took, known after `wait`.
  double cpu_seconds() const { return cpu_seconds_; }

 private:
  pid_t number_;
  double cpu_seconds_ = 0;
};

/// CPU seconds after which the kernel ends a child: the limit of this process counts if it is
/// lower.
double most_cpu_seconds(const ReadLimits& limits) {
  rlimit own{};
  const auto most = static_cast<double>(limits.cpu_seconds);
  if (::getrlimit(RLIMIT_CPU, &own) != 0 || own.rlim_cur == RLIM_INFINITY) return most;
  return std::min(most, static_cast<double>(own.rlim_cur));
}

/// Reports a child that did not end by itself. The kernel sends SIGKILL when the hard limit of CPU
/// seconds is reached and also when the memory of the machine is exhausted. A child that took less
/// than half of its time did not reach the limit; the kernel counts that time by ticks, which on a
/// busy machine differ from the time that is measured, so above that half both causes are named.
/// \throws InputError, or RunError if the files are not the cause
[[noreturn]] void report_end(const Access& access, int signal, bool in_time, double cpu_seconds,
                             double most_seconds) {
  const std::string subject = names_of(access) + ": ";
  const bool early = cpu_seconds < most_seconds / 2;
  if (in_time && signal == SIGKILL && early)
    throw RunError(subject +
                   "the process that read it was killed by the system, which does so when memory "
                   "is exhausted, or by another program; free memory and run the command again");
  if (in_time && signal != SIGKILL && signal != SIGXCPU)
    throw InputError(subject + "damaged archive: reading it ended in '" + strsignal(signal) + "'");
  throw InputError(
      subject + "damaged archive: reading it takes more time than is allowed for its size" +
      (in_time && signal == SIGKILL ? ", or the memory of this machine is exhausted" : "") +
      "; if you trust it, set LENSBENCH_READ_GIB=8 to allow more");
}

struct Answer {
  int code = 0;
  std::string words;
};

/// Runs `work` in a child and gives its exit code and messages; `take` receives its standard
/// output.
/// \throws InputError if a signal ended the child, or the time limit; RunError if it was killed
Answer run_confined(const Access& access, const std::function<int()>& work, const Take& take) {
  for (const auto& file : access.files) require_file(file);
  const ReadLimits limits = limits_for(access);
  // Text that the streams still hold would be printed by both processes.
  std::cout.flush();
  std::cerr.flush();
  Pipe out, err;
  const pid_t number = ::fork();
  if (number < 0) throw RunError("cannot start a process for reading: " + errno_text(errno));
  if (number == 0) run_in_child(access, limits, out, err, work);
  Child child(number);
  // The parent closes its copies of the write ends: a pipe does not end while one is open.
  out.write.close();
  err.write.close();
  Answer answer;
  const bool in_time = relay(number, out, err, limits.wall_seconds, take, answer.words);
  const int status = child.wait();
  if (in_time && WIFEXITED(status)) {
    answer.code = WEXITSTATUS(status);
    return answer;
  }
  // The output of the child is dropped: messages of the C library about its heap do not help users.
  report_end(access, WIFSIGNALED(status) ? WTERMSIG(status) : 0, in_time, child.cpu_seconds(),
             most_cpu_seconds(limits));
}

/// Writes to the descriptor and not to `std::cout`, so that output appears as soon as the child
/// prints it.
void pass_on(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n =
        uninterrupted([&] { return ::write(STDOUT_FILENO, text.data(), text.size()); });
    if (n < 0) throw RunError("standard output cannot be written: " + errno_text(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

int in_child(const Access& access, const std::function<int()>& work) {
  const Answer answer = run_confined(access, work, pass_on);
  std::cerr << answer.words;
  return answer.code;
}

std::string ask_child(const Access& access, const std::function<std::string()>& work) {
  std::string text;
  // The answer is held in memory before it is parsed, so its size is limited.
  const auto collect = [&](std::string_view part) {
    if (text.size() + part.size() > kMostAnswer)
      throw InputError(names_of(access) + ": contains too much text (at most " +
                       std::to_string(kMostAnswer) + " bytes are accepted)");
    text += part;
  };
  const auto print = [&] {
    std::cout << work();
    return 0;
  };
  const Answer answer = run_confined(access, print, collect);
  if (answer.code == 0) return text;
  std::string words = answer.words;
  // The message becomes an exception, and the command adds its own name to that again.
  while (!words.empty() && words.back() == '\n') words.pop_back();
  constexpr std::string_view kName = "lensbench: ";
  if (words.starts_with(kName)) words.erase(0, kName.size());
  throw InputError(words.empty() ? names_of(access) + ": damaged archive" : words);
}

}  // namespace lensbench
