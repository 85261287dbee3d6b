#include "hostile/archives.hpp"

#include <ATen/core/Tensor.h>
#include <hdf5_hl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "cli/commands/actions.hpp"
#include "support/archives.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::testing {
namespace {

template <class Result>
Result checked(Result result) {
  if (result < 0) throw std::runtime_error("not readable");
  return result;
}

/// Closes an identifier of whatever kind.
struct Id {
  hid_t id;
  explicit Id(hid_t opened) : id(checked(opened)) {}
  ~Id() { H5Idec_ref(id); }
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;
  operator hid_t() const { return id; }
};

std::string shape_of(hid_t space) {
  std::string text = std::to_string(checked(static_cast<int>(H5Sget_simple_extent_type(space))));
  const int rank = checked(H5Sget_simple_extent_ndims(space));
  std::vector<hsize_t> lengths(static_cast<std::size_t>(rank) + 1), most(lengths);
  checked(H5Sget_simple_extent_dims(space, lengths.data(), most.data()));
  for (int i = 0; i < rank; ++i) text += "," + std::to_string(lengths[static_cast<std::size_t>(i)]);
  return text;
}

std::string type_of(hid_t type) {
  const auto kind = checked(static_cast<int>(H5Tget_class(type)));
  std::string text = std::to_string(kind) + ":" + std::to_string(H5Tget_size(type));
  if (kind == H5T_INTEGER) text += ":" + std::to_string(static_cast<int>(H5Tget_sign(type)));
  return text;
}

std::string name_of(hid_t file, const hobj_ref_t& reference) {
  char name[1024] = {};
  checked(static_cast<int>(H5Rget_name(file, H5R_OBJECT, &reference, name, sizeof name)));
  return name;
}

/// Elements as text or bytes; `read(type, buffer)` is H5Dread or H5Aread.
template <class Read>
std::string elements(hid_t file, hid_t type, hid_t space, Read&& read) {
  const auto count = static_cast<std::size_t>(checked(H5Sget_simple_extent_npoints(space)));
  if (count == 0) return "";
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count);
    checked(read(type, pointers.data()));
    for (const char* one : pointers) text += one == nullptr ? "-" : "=" + std::string(one) + '\0';
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  } else if (H5Tget_class(type) == H5T_VLEN) {
    std::vector<hvl_t> lists(count);
    checked(read(type, lists.data()));
    for (const hvl_t& list : lists)
      for (std::size_t i = 0; i < list.len; ++i)
        text += name_of(file, static_cast<const hobj_ref_t*>(list.p)[i]) + ";";
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, lists.data());
  } else {
    const Id native(H5Tget_native_type(type, H5T_DIR_ASCEND));
    text.resize(count * H5Tget_size(native));
    checked(read(native, text.data()));
  }
  return text;
}

void add_attributes(Content& content, hid_t file, hid_t object, const std::string& path) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  checked(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names));
  for (const std::string& name : names) {
    if (name == "REFERENCE_LIST") continue;  // says again what the DIMENSION_LISTs say
    const Id attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
    const Id type(H5Aget_type(attribute)), space(H5Aget_space(attribute));
    content[path + "@" + name] =
        type_of(type) + " " + shape_of(space) + " " +
        elements(file, type, space, [&](hid_t as, void* to) { return H5Aread(attribute, as, to); });
  }
}

/// A dimension without coordinates has a length and no values.
bool has_values(hid_t dataset) {
  char label[64] = {};
  return H5DSis_scale(dataset) <= 0 || H5DSget_scale_name(dataset, label, sizeof label) <= 0 ||
         std::string(label).rfind("This is a netCDF dimension but not", 0) != 0;
}

void add_object(Content& content, hid_t file, const std::string& path) {
  const Id object(H5Oopen(file, path.c_str(), H5P_DEFAULT));
  add_attributes(content, file, object, path);
  if (H5Iget_type(object) == H5I_DATASET) {
    const Id type(H5Dget_type(object)), space(H5Dget_space(object));
    content[path] = "dataset " + type_of(type) + " " + shape_of(space);
    if (has_values(object))
      content[path] += elements(file, type, space, [&](hid_t as, void* to) {
        return H5Dread(object, as, H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
      });
    return;
  }
  content[path] = "group";
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  checked(H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names));
  for (const std::string& name : names)
    add_object(content, file, (path == "/" ? "" : path) + "/" + name);
}

}  // namespace

void write_small_archive_apart(const std::filesystem::path& path) {
  // In a process of its own: writing forbids external links, which some hostile files need.
  if (const pid_t child = fork(); child != 0) {
    waitpid(child, nullptr, 0);
    return;
  }
  write_small_archive(path, 2);
  _exit(0);
}

Content decoded(const std::string& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Id file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
  Content content;
  add_object(content, file, "/");
  return content;
}

Measured run_measured(const std::vector<std::string>& command) {
  const TempDir notes;
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = start(command, notes.path());
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  Measured measured;
  measured.outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  measured.outcome.out = slurp(notes / "stdout");
  measured.outcome.err = slurp(notes / "stderr");
  measured.seconds = seconds.count();
  measured.peak_kib = used.ru_maxrss;
  return measured;
}

Outcome run_here(const std::vector<std::string>& arguments) {
  const TempDir notes;
  std::cout.flush();
  std::cerr.flush();
  const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
  const auto redirect = [&](const char* name, int to) {
    const int file = open((notes / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, to);
    close(file);
  };
  redirect("stdout", STDOUT_FILENO);
  redirect("stderr", STDERR_FILENO);
  Outcome outcome;
  std::vector<std::string> copy = arguments;
  std::vector<char*> words;
  for (std::string& word : copy) words.push_back(word.data());
  outcome.exit_code = lensbench_command_line(static_cast<int>(words.size()), words.data());
  std::cout.flush();
  std::cerr.flush();
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(out);
  close(err);
  outcome.out = slurp(notes / "stdout");
  outcome.err = slurp(notes / "stderr");
  return outcome;
}

}  // namespace lensbench::testing
