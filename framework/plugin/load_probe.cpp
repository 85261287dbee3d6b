#include "plugin/load_probe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "plugin/descriptor_reader.hpp"

// Trial of libraries in a child process. Static initialisers and constructors run when a library is
// loaded, before anything of it can be asked: they may crash, exit, throw or never return. All of
// that happens to the child, and the parent refuses the library with what it saw.

namespace lensbench {
namespace {

using Clock = std::chrono::steady_clock;

/// Message of the child: the start of a step, or the result for a library.
struct Message {
  enum Kind : std::uint32_t { step, passed, refused } kind;
  PluginFault fault;
  std::array<char, 1024> text;
};

/// Sends one message. Messages have one size, so that the reader always gets whole ones.
void report(int pipe, Message::Kind kind, const std::string& text = "", PluginFault fault = {}) {
  Message message{kind, fault, {}};
  text.copy(message.text.data(), message.text.size() - 1);
  // The message is smaller than PIPE_BUF, so the write is atomic.
  while (write(pipe, &message, sizeof message) < 0 && errno == EINTR) {
  }
}

/// Creates and destroys one object of each entry; each step is announced, so that a crash is
/// attributed.
void try_entries(const PluginFactories& library, const std::vector<EntryInfo>& entries, int pipe) {
  for (std::size_t i = 0; i < std::min(library.n_factories, entries.size()); ++i) {
    const PluginFactory& factory = library.factories[i];
    report(pipe, Message::step,
           std::string("making its ") + kind_name(entries[i].kind) + " '" + entries[i].name + "'");
    try {
      if (void* object = factory.create()) factory.destroy(object);
    } catch (...) {
      // An exception of a factory is reported when the bench creates the object.
    }
  }
}

void try_library(const LoadRequest& library, int pipe) {
  report(pipe, Message::step, "loading it");
  try {
    const auto entries = read_descriptor(*library.image, library.path).entries;
    try_entries(open_library(library), entries, pipe);
    report(pipe, Message::passed);
  } catch (const PluginError& error) {
    report(pipe, Message::refused, error.what(), error.fault());
  } catch (const std::exception& error) {
    // A static constructor threw an exception, which may also end the process, because dlopen is
    // declared noexcept: it is reported as a crash.
    report(pipe, Message::refused,
           "plug-in '" + library.path.string() + "': loading it failed: " + error.what(),
           PluginFault::crashed);
  }
}

/// Body of the child. It does not return: destructors of static objects belong to the parent.
[[noreturn]] void run_child(const std::vector<LoadRequest>& libraries, std::size_t first, int pipe,
                            int words) {
  // The child must not outlive the parent, and leads a process group, so that what it starts ends
  // with it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  // A crash of the child is expected and must not leave a core dump.
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // A library that reads would wait for the user.
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(words, STDOUT_FILENO);
  dup2(words, STDERR_FILENO);
  for (std::size_t i = first; i < libraries.size(); ++i) try_library(libraries[i], pipe);
  _exit(0);
}

/// A child process with the pipe for its messages.
class Child {
 public:
  // Output goes to memory and not to a pipe, which a library could fill and then wait.
  Child(const std::vector<LoadRequest>& libraries, std::size_t first)
      : words_(memfd_create("words", MFD_CLOEXEC)) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) fail();
    reports_ = FileDescriptor(ends[0]);
    // The parent's copy closes at the end of the constructor, so that the end of the child ends the
    // pipe.
    FileDescriptor write_end(ends[1]);
    id_ = fork();
    if (id_ < 0) fail();
    if (id_ == 0) run_child(libraries, first, write_end.get(), words_.get());
  }
  ~Child() {
    if (id_ > 0) wait(true);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Next message; empty if the child ended or the time is over.
  std::optional<Message> next(Clock::time_point until) {
    while (Clock::now() < until) {
      pollfd waiting{reports_.get(), POLLIN, 0};
      // Short waits: a process that the library started may keep the pipe open after the child
      // ends.
      if (poll(&waiting, 1, 50) > 0) {
        Message message{};
        const ssize_t got = read(reports_.get(), &message, sizeof message);
        message.text.back() = '\0';
        if (got == static_cast<ssize_t>(sizeof message)) return message;
        if (got >= 0) return std::nullopt;
      } else if (wait(false)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  /// Manner in which the child ended, as the end of a sentence that begins with "loading it".
  std::string end(Clock::time_point until, std::chrono::milliseconds limit) {
    // The child may still run after it closed the pipe.
    while (!wait(false) && Clock::now() < until) poll(nullptr, 0, 5);
    if (id_ > 0) {
      wait(true);
      return "takes more than " + std::to_string(limit.count() / 1000) + " s";
    }
    if (WIFSIGNALED(status_))
      return std::string("ends the process (") + strsignal(WTERMSIG(status_)) + ")";
    return "ends the process (exit with code " + std::to_string(WEXITSTATUS(status_)) + ")";
  }

  /// Last output of the child, in one line.
  std::string words() const {
    std::array<char, 512> text{};
    const off_t size = lseek(words_.get(), 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(text.size() - 1));
    const ssize_t got = pread(words_.get(), text.data(), text.size() - 1, from);
    std::string line(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    // Control characters must not reach the terminal.
    for (char& c : line)
      if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
    line.erase(
        std::unique(line.begin(), line.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
        line.end());
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line.empty() ? "" : ", output: " + line;
  }

 private:
  [[noreturn]] static void fail() {
    throw PluginError(PluginFault::not_loadable,
                      "plug-ins cannot be tested: cannot start a process: " + errno_text(errno));
  }

  /// Collects the exit status.
  /// \param kill_first  end the child instead of asking whether it has ended
  bool wait(bool kill_first) {
    if (id_ <= 0) return true;
    if (kill_first) kill(id_, SIGKILL);
    pid_t got = 0;
    while ((got = waitpid(id_, &status_, kill_first ? 0 : WNOHANG)) < 0 && errno == EINTR) {
    }
    if (got == 0) return false;
    kill(-id_, SIGKILL);  // processes that the child started
    id_ = -1;
    return true;
  }

  FileDescriptor words_, reports_;
  pid_t id_ = -1;
  int status_ = 0;
};

}  // namespace

/// One child tries as many libraries as it survives; the next one goes on with the library after
/// it.
std::vector<std::optional<PluginError>> probe_libraries(const std::vector<LoadRequest>& libraries,
                                                        std::chrono::milliseconds limit) {
  std::vector<std::optional<PluginError>> verdicts;
  while (verdicts.size() < libraries.size()) {
    Child child(libraries, verdicts.size());
    std::string step = "loading it";
    // Each library has the whole limit for itself.
    auto until = Clock::now() + limit;
    while (verdicts.size() < libraries.size()) {
      const auto message = child.next(until);
      const std::string subject = "plug-in '" + libraries[verdicts.size()].path.string() + "': ";
      if (!message) {
        verdicts.emplace_back(PluginError(PluginFault::crashed,
                                          subject + step + " " + child.end(until, limit) +
                                              " in a test process" + child.words() +
                                              "; fix its static initialisers and constructors"));
        break;
      }
      if (message->kind == Message::step) {
        step = message->text.data();
        continue;
      }
      if (message->kind == Message::passed) verdicts.emplace_back();
      if (message->kind == Message::refused)
        verdicts.emplace_back(PluginError(message->fault, message->text.data()));
      step = "loading it";
      until = Clock::now() + limit;
    }
  }
  return verdicts;
}

}  // namespace lensbench
