#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lensbench {

/// Named tensors of a file that someone else may have made: a direction, a lens, a dictionary. It
/// is what a tool opens for a parameter of type `file`, whose digest the bench records.
///
/// Sources:
/// - `FILE.safetensors`
/// - `ARCHIVE.h5:results/NAME`: the variables of a result of a sealed archive, whose digests are
///   checked first. `ARCHIVE.h5:results/NAME/VARIABLE` has that variable only
///
/// An archive is read in a confined child process with limited memory and time, so that a file made
/// to harm cannot crash this process. Pickled files (`.pt`, `.pkl`, `.bin`, `.npz` with objects)
/// are refused by their first bytes, because loading them can run code.
class LENSBENCH_API TensorFile {
 public:
  /// Opens a file and reads the names and shapes of its tensors.
  /// \param source  path of a safetensors file, or archive and result
  /// \throws InputError for a file that is missing, damaged, pickled or of another format, and with
  ///   the names of all results if the archive does not have the result
  explicit TensorFile(const std::string& source);
  ~TensorFile();
  TensorFile(TensorFile&&) noexcept;             ///< moves the contents
  TensorFile& operator=(TensorFile&&) noexcept;  ///< moves the contents

  /// Text that the file was opened with.
  const std::string& source() const;
  /// Names of the tensors; those of an archive in the order of its variables, others sorted.
  const std::vector<std::string>& names() const;
  /// Whether the file has a tensor of that name.
  bool contains(const std::string& name) const;
  /// Lengths of the axes of a tensor. \throws InputError with the names of all tensors if it is
  ///   missing
  std::vector<std::int64_t> shape(const std::string& name) const;
  /// Reads a tensor: a contiguous copy on the CPU in the stored element type.
  /// \param name      name of the tensor
  /// \param expected  lengths of its axes, -1 where every length is accepted; empty: any shape
  /// \throws InputError if the tensor is missing (with the names of all tensors), has another shape
  ///   (found, expected), is damaged, or contains NaN or infinity in a safetensors file (NaN in a
  ///   result has a reason, which the description of its variable gives)
  at::Tensor read(const std::string& name, const std::vector<std::int64_t>& expected = {}) const;
  /// Texts of a variable of an archive. \throws InputError if the file does not have it
  const std::vector<std::string>& texts(const std::string& name) const;
  /// `__metadata__` of a safetensors file, or the attributes of a result as text.
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
