#include "plugin/trial_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "plugin/descriptor_reader.hpp"

// Trial of libraries in a child process. Static initialisers and constructors run when a library is
// loaded, before anything of it can be asked: they may crash, exit, throw or never return. All of
// that happens to the child, and the parent refuses the library with what it saw.

namespace lensbench {
namespace {

/// Sends one message. Messages have one size, so that the reader always gets whole ones.
void send_message(int pipe, TrialMessage::Kind kind, const std::string& text = "",
                  PluginFault fault = {}) {
  TrialMessage message{kind, fault, {}};
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
    send_message(
        pipe, TrialMessage::step,
        std::string("making its ") + kind_name(entries[i].kind) + " '" + entries[i].name + "'");
    try {
      if (void* object = factory.create()) factory.destroy(object);
    } catch (...) {
      // An exception of a factory is reported when the bench creates the object.
    }
  }
}

void try_library(const TrialLibrary& library, int pipe) {
  send_message(pipe, TrialMessage::step, "reading it");
  try {
    const LoadRequest request = library.read();
    const auto entries = read_descriptor(*request.image, request.path).entries;
    send_message(pipe, TrialMessage::was_read, "loading it");
    try_entries(open_for_trial(request), entries, pipe);
    send_message(pipe, TrialMessage::passed);
  } catch (const PluginError& error) {
    send_message(pipe, TrialMessage::refused, error.what(), error.fault());
  } catch (const std::exception& error) {
    // A static constructor threw an exception, which may also end the process, because dlopen is
    // declared noexcept: it is reported as a crash.
    send_message(pipe, TrialMessage::refused,
                 "plug-in '" + library.path.string() + "': loading it failed: " + error.what(),
                 PluginFault::crashed);
  }
}

/// Body of the child. It does not return: destructors of static objects belong to the parent.
[[noreturn]] void run_child(const std::vector<TrialLibrary>& libraries,
                            std::span<const std::size_t> order, int pipe, int output) {
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
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  for (const std::size_t i : order) try_library(libraries[i], pipe);
  _exit(0);
}

[[noreturn]] void cannot_start() {
  throw PluginError(PluginFault::not_loadable,
                    "plug-ins cannot be tested: cannot start a process: " + errno_text(errno));
}

}  // namespace

/// Output goes to memory and not to a pipe, which a library could fill and then wait.
TrialChild::TrialChild(const std::vector<TrialLibrary>& libraries,
                       std::span<const std::size_t> order)
    : output_(memfd_create("output", MFD_CLOEXEC)) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) cannot_start();
  messages_ = FileDescriptor(ends[0]);
  // The parent's copy closes at the end of the constructor, so that the end of the child ends the
  // pipe.
  FileDescriptor write_end(ends[1]);
  id_ = fork();
  if (id_ < 0) cannot_start();
  if (id_ == 0) run_child(libraries, order, write_end.get(), output_.get());
}

TrialChild::~TrialChild() {
  if (id_ > 0) wait(true);
}

bool TrialChild::has_message() const {
  pollfd waiting{messages_.get(), POLLIN, 0};
  return messages_ && poll(&waiting, 1, 0) > 0;
}

std::optional<TrialMessage> TrialChild::read() {
  TrialMessage message{};
  const auto got = uninterrupted([&] { return ::read(messages_.get(), &message, sizeof message); });
  message.text.back() = '\0';
  if (got == static_cast<ssize_t>(sizeof message)) return message;
  messages_ = FileDescriptor();
  return std::nullopt;
}

std::string TrialChild::end(std::chrono::milliseconds limit) {
  std::string manner;
  if (!wait(false)) {
    wait(true);
    manner = "takes more than " + std::to_string(limit.count() / 1000) + " s";
  } else if (WIFSIGNALED(status_)) {
    manner = std::string("ends the process (") + strsignal(WTERMSIG(status_)) + ")";
  } else {
    manner = "ends the process (exit with code " + std::to_string(WEXITSTATUS(status_)) + ")";
  }
  return manner + " in a test process" + output();
}

/// Collects the exit status.
/// \param kill_first  end the child instead of asking whether it has ended
bool TrialChild::wait(bool kill_first) {
  if (id_ <= 0) return true;
  if (kill_first) kill(id_, SIGKILL);
  const pid_t got = uninterrupted([&] { return waitpid(id_, &status_, kill_first ? 0 : WNOHANG); });
  if (got == 0) return false;
  kill(-id_, SIGKILL);  // processes that the child started
  id_ = -1;
  return true;
}

/// Last output of the child, in one line.
std::string TrialChild::output() const {
  std::array<char, 512> text{};
  const off_t size = lseek(output_.get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(text.size() - 1));
  const ssize_t got = pread(output_.get(), text.data(), text.size() - 1, from);
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

}  // namespace lensbench
