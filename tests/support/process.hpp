#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {

struct Outcome {
  int exit_code = -1;  ///< minus the signal's number if one ended it
  std::string out, err;
};

/// Starts a program with its output in files of `directory`; returns its process id.
inline pid_t start(const std::vector<std::string>& command,
                   const std::filesystem::path& directory) {
  const pid_t child = fork();
  if (child != 0) return child;
  const auto redirect = [&](const char* name, int fd) {
    const int file = open((directory / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, fd);
  };
  redirect("stdout", STDOUT_FILENO);
  redirect("stderr", STDERR_FILENO);
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Waits for what `start` began.
inline Outcome wait_for(pid_t child, const std::filesystem::path& directory) {
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  outcome.out = slurp(directory / "stdout");
  outcome.err = slurp(directory / "stderr");
  return outcome;
}

/// Runs a program to its end.
inline Outcome run(const std::vector<std::string>& command) {
  const TempDir directory;
  return wait_for(start(command, directory.path()), directory.path());
}

/// Runs the lensbench command of this build.
inline Outcome lensbench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), build_folder() + "/bin/lensbench");
  return run(arguments);
}

}  // namespace lensbench::testing
