#include "archive/hdf5/attributes.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <vector>

#include "core/text/utf8.hpp"

// Attributes are limited to four types, which h5py, xarray and the netCDF tools read alike: int64,
// float64, text of variable length and lists of texts. Everything else in a file is refused: it was
// not written by lensbench, and digests are not defined for it.

namespace lensbench {
namespace {

using hdf5::Handle;
using hdf5::readable;
using hdf5::written;

// Compact attributes share one object header of 64 KiB, in which each string of a list takes 16
// bytes.
constexpr std::size_t kLongestList = 3500;

/// Creates and writes an attribute. The close is checked, because libhdf5 may report a full disk
/// only there.
void write_values(hid_t object, const std::string& name, hid_t type, const Handle& space,
                  const void* values) {
  const std::string what = "attribute '" + name + "'";
  Handle attribute(
      written(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), what),
      H5Aclose);
  if (values != nullptr)
    written(H5Awrite(attribute, type, values), what);  // an empty list does not have values
  attribute.close_written(what);
}

Handle scalar_space() {
  return Handle(written(H5Screate(H5S_SCALAR), "attribute space"), H5Sclose);
}

void check_text_of(const std::string& name, const std::string& text) {
  if (!is_storable_text(text))
    throw UsageError("attribute '" + name + "': the text is not valid UTF-8 without NUL");
}

/// libhdf5 takes texts as pointers; `texts` must exist until the call returns.
void write_texts(hid_t object, const std::string& name, const std::vector<std::string>& texts,
                 bool scalar) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const hsize_t count = texts.size();
  const Handle space =
      scalar ? scalar_space()
             : Handle(written(H5Screate_simple(1, &count, nullptr), "attribute space"), H5Sclose);
  write_values(object, name, hdf5::string_type(), space, pointers.data());
}

/// Reads one text or a list. The memory of the texts is allocated by libhdf5 and is given back
/// before an exception leaves.
Attribute read_texts(hid_t attribute, hid_t space, const std::string& what) {
  const bool scalar = H5Sget_simple_extent_type(space) == H5S_SCALAR;
  const auto count = readable(H5Sget_simple_extent_npoints(space), what);
  const Handle stored(readable(H5Aget_type(attribute), what), H5Tclose);
  // libhdf5 does not convert text of fixed length to text of variable length.
  if (readable(H5Tis_variable_str(stored), what) == 0)
    throw InputError(what + ": fixed-length strings are not allowed in a lensbench archive");
  std::vector<char*> pointers(static_cast<std::size_t>(count));
  const Handle type = hdf5::string_type();
  if (count > 0) readable(H5Aread(attribute, type, pointers.data()), what);
  std::vector<std::string> texts;
  // A file can store a null pointer as text; a std::string must not be made from it.
  const bool whole = std::find(pointers.begin(), pointers.end(), nullptr) == pointers.end();
  if (whole) texts.assign(pointers.begin(), pointers.end());
  if (count > 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  if (!whole) throw InputError(what + ": null strings are not allowed in a lensbench archive");
  if (scalar) return texts.at(0);
  return texts;
}

/// Integers of any width become int64 and floats float64, as the digests define them.
Attribute read_attribute(hid_t object, const std::string& path, const std::string& name) {
  const std::string what = path + "@" + name;
  const Handle attribute(readable(H5Aopen(object, name.c_str(), H5P_DEFAULT), what), H5Aclose);
  const Handle type(readable(H5Aget_type(attribute), what), H5Tclose);
  const Handle space(readable(H5Aget_space(attribute), what), H5Sclose);
  const auto kind = H5Tget_class(type);
  if (kind == H5T_STRING) return read_texts(attribute, space, what);
  if (H5Sget_simple_extent_npoints(space) != 1)
    throw InputError(what + ": lists of numbers are not allowed in a lensbench archive");
  if (kind == H5T_INTEGER) {
    std::int64_t value = 0;
    readable(H5Aread(attribute, H5T_NATIVE_INT64, &value), what);
    return value;
  }
  if (kind != H5T_FLOAT) throw InputError(what + ": expected a text or a number");
  double value = 0;
  readable(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), what);
  return value;
}

}  // namespace

void check_attribute(const std::string& name, const Attribute& value) {
  if (const auto* text = std::get_if<std::string>(&value)) check_text_of(name, *text);
  const auto* texts = std::get_if<std::vector<std::string>>(&value);
  if (texts == nullptr) return;
  if (texts->size() > kLongestList)
    throw UsageError("attribute '" + name + "': the list is too long (" +
                     std::to_string(texts->size()) + " texts, at most " +
                     std::to_string(kLongestList) + " are allowed); use a variable instead");
  for (const std::string& text : *texts) check_text_of(name, text);
}

void write_attribute(hid_t object, const std::string& name, const Attribute& value) {
  check_attribute(name, value);
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    write_values(object, name, H5T_STD_I64LE, scalar_space(), integer);
  else if (const auto* number = std::get_if<double>(&value))
    write_values(object, name, H5T_IEEE_F64LE, scalar_space(), number);
  else if (const auto* text = std::get_if<std::string>(&value))
    write_texts(object, name, {*text}, true);
  else
    write_texts(object, name, std::get<std::vector<std::string>>(value), false);
}

// Names of the HDF5 dimension scales and of netCDF-4. Their values hold addresses within the file
// or versions of libraries, so equal content would have different digests with them.
bool is_bookkeeping(const std::string& name) {
  return name == "CLASS" || name == "NAME" || name == "DIMENSION_LIST" ||
         name == "REFERENCE_LIST" || name == "DIMENSION_LABELS" || name == "_Netcdf4Dimid" ||
         name == "_Netcdf4Coordinates" || name == "_NCProperties";
}

std::map<std::string, Attribute> read_attributes(hid_t object, const std::string& path) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  readable(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), path);
  std::map<std::string, Attribute> attributes;
  // Names come in alphabetical order, so the result does not depend on the order of creation.
  for (const std::string& name : names)
    if (!is_bookkeeping(name)) attributes.emplace(name, read_attribute(object, path, name));
  return attributes;
}

std::optional<std::string> text_attribute(hid_t object, const std::string& path,
                                          const std::string& name) {
  if (H5Aexists(object, name.c_str()) <= 0) return std::nullopt;
  const Attribute value = read_attribute(object, path, name);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::nullopt;
}

}  // namespace lensbench
