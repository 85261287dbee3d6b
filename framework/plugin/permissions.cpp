#include "plugin/permissions.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <lensbench/error.hpp>

#include "core/text/shell_words.hpp"

// Permissions of the files and folders of plug-ins. Whoever can write one of them can run code as
// the user, so all folders up to the root are checked. The path is opened folder by folder: between
// a check by name and a later open, a folder could be replaced.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
constexpr const char* kOverride = ", or allow insecure plug-ins";

std::string quoted(const fs::path& path) {
  return "'" + path.string() + "'";
}

[[noreturn]] void refuse_path(PluginFault fault, const std::string& subject,
                              const std::string& why) {
  throw PluginError(fault, subject + ": " + why);
}

/// Name of a user for messages, with the number in any case.
std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{}, *found = nullptr;
  const bool known = getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found;
  return (known ? "'" + std::string(entry.pw_name) + "' " : "") + "(uid " + std::to_string(uid) +
         ")";
}

// Whether a group is the private group of the user, without other members, which many systems
// create for each user.
bool is_private_group(gid_t group) {
  std::array<char, 4096> user_buffer{}, group_buffer{};
  passwd user{}, *found_user = nullptr;
  struct group entry {
  }, *found_group = nullptr;
  if (getpwuid_r(geteuid(), &user, user_buffer.data(), user_buffer.size(), &found_user) != 0 ||
      found_user == nullptr || user.pw_gid != group ||
      getgrgid_r(group, &entry, group_buffer.data(), group_buffer.size(), &found_group) != 0 ||
      found_group == nullptr)
    return false;
  const std::string name = user.pw_name;
  for (char** member = entry.gr_mem; *member != nullptr; ++member)
    if (name != *member) return false;
  return name == entry.gr_name;
}

/// Mode as chmod takes it.
std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

void check_owner(const struct stat& status, const std::string& what, const PathTrust& trust,
                 const std::string& subject) {
  // Root could replace everything anyway, so its files are as safe as those of the user.
  if (!trust.owners.contains(status.st_uid))
    refuse_path(
        PluginFault::insecure, subject,
        what + " belongs to " + user_name(status.st_uid) +
            ", expected root or you; change its owner with chown, copy the plug-in to a folder of "
            "your own" +
            kOverride);
}

// Checks one file or folder of the path.
void check_status(const struct stat& status, const fs::path& path, bool sticky_helps,
                  const PathTrust& trust, const std::string& subject) {
  const bool folder = S_ISDIR(status.st_mode);
  const std::string what = folder ? "the folder " + quoted(path) : "the file";
  check_owner(status, what, trust, subject);
  // Bits that were accepted for the whole installation do not count.
  mode_t open_to = status.st_mode & kOthersWrite & ~trust.writable;
  if ((open_to & S_IWGRP) != 0 && is_private_group(status.st_gid)) open_to &= ~mode_t{S_IWGRP};
  // In a sticky folder only the owner of a file can replace it.
  if (open_to == 0 || (folder && sticky_helps && (status.st_mode & S_ISVTX) != 0)) return;
  const std::string who = (open_to & S_IWOTH) != 0 ? "everyone" : "its group";
  refuse_path(PluginFault::insecure, subject,
              what + " can be written by " + who + " (mode " + octal(status.st_mode) +
                  "), so others could replace code; run chmod go-w " + shell_word(path.string()) +
                  kOverride);
}

/// Path without links, with a message that fits the reason why there is none.
fs::path real_path(const fs::path& path, const std::string& subject) {
  std::error_code error;
  if (fs::path real = fs::canonical(path, error); !error) return real;
  std::error_code ignored;
  if (error == std::errc::too_many_symbolic_link_levels)
    refuse_path(PluginFault::not_found, subject, "is a symbolic link to itself");
  if (fs::is_symlink(path, ignored))
    refuse_path(PluginFault::not_found, subject,
                "is a symbolic link to " + quoted(fs::read_symlink(path, ignored)) +
                    ", which cannot be reached: " + error.message());
  if (error == std::errc::no_such_file_or_directory)
    refuse_path(PluginFault::not_found, subject, "file or folder not found");
  refuse_path(PluginFault::not_found, subject, "cannot be reached: " + error.message());
}

/// Whether a path is an ancestor or equal to it; both are without links.
bool is_within(const fs::path& path, const fs::path& ancestor) {
  const auto rest = path.lexically_relative(ancestor);
  return !rest.empty() && *rest.begin() != "..";
}

// Opens `real` component by component from the root and checks each component through its open
// descriptor, so that the checked file and the opened file are the same.
FileDescriptor open_real_path(const fs::path& real, const PathTrust& trust,
                              const std::string& subject) {
  FileDescriptor here(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  fs::path passed = "/";
  for (auto part = real.begin(); part != real.end(); ++part) {
    if (part != real.begin()) {
      passed /= *part;
      // O_NOFOLLOW: the path was without links, so a link here was put in place since.
      here = FileDescriptor(openat(here.get(), part->c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
    struct stat status {};
    if (!here || fstat(here.get(), &status) != 0)
      refuse_path(PluginFault::not_found, subject,
                  quoted(passed) + " cannot be opened: " + errno_text(errno));
    // The last component may be any folder or file; those before it must be folders.
    const bool last = std::next(part) == real.end();
    if (!last && !S_ISDIR(status.st_mode))
      refuse_path(PluginFault::not_found, subject,
                  quoted(passed) + " changed during the check; run the command again");
    const bool known = S_ISDIR(status.st_mode) || S_ISREG(status.st_mode);
    // Folders above the installation were accepted with the library that was started from there.
    const bool unchecked = !trust.from.empty() && is_within(trust.from, passed);
    if (known && !trust.anything && !unchecked) check_status(status, passed, !last, trust, subject);
  }
  return here;
}

}  // namespace

/// Root and the user as owners, nobody else with write permission.
PathTrust strict_trust() {
  return {{0, geteuid()}, 0, {}, false};
}

PathTrust installation_trust(const fs::path& library) {
  PathTrust trust = strict_trust();
  trust.from = library.parent_path();
  struct stat file {
  }, folder{};
  if (stat(library.c_str(), &file) == 0 && stat(trust.from.c_str(), &folder) == 0) {
    trust.owners.insert(file.st_uid);
    trust.writable = folder.st_mode & kOthersWrite;
  }
  return trust;
}

CheckedFile open_checked(const fs::path& file, const PathTrust& trust) {
  const std::string subject = "plug-in " + quoted(file);
  // The loader would search for a bare name in its own folders.
  if (!file.is_absolute())
    refuse_path(
        PluginFault::not_found, subject,
        "not an absolute path; give one, because plug-ins are never loaded from the current "
        "directory or a search path");
  CheckedFile checked{real_path(file, subject), {}};
  const FileDescriptor found = open_real_path(checked.path, trust, subject);
  struct stat status {};
  if (fstat(found.get(), &status) != 0 || !S_ISREG(status.st_mode))
    refuse_path(PluginFault::not_loadable, subject, "not a regular file");
  // The descriptor of the check gives the file for reading, so that no name is resolved again.
  const std::string link = "/proc/self/fd/" + std::to_string(found.get());
  checked.descriptor = FileDescriptor(open(link.c_str(), O_RDONLY | O_CLOEXEC));
  if (!checked.descriptor)
    refuse_path(PluginFault::not_loadable, subject, "cannot be read: " + errno_text(errno));
  return checked;
}

/// A folder that is searched may not be sticky: everybody could add a plug-in to it.
fs::path check_folder(const fs::path& folder, const PathTrust& trust) {
  const std::string subject = "plug-in folder " + quoted(folder);
  fs::path real = real_path(folder, subject);
  const FileDescriptor found = open_real_path(real, trust, subject);
  struct stat status {};
  if (fstat(found.get(), &status) != 0 || !S_ISDIR(status.st_mode))
    refuse_path(PluginFault::not_found, subject, "not a folder");
  return real;
}

}  // namespace lensbench
