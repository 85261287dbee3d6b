#include "report/page/encode.hpp"

#include <zlib.h>

#include <lensbench/error.hpp>

#include "core/files/sha256.hpp"
#include "core/text/base64.hpp"

namespace lensbench::page {

std::string deflated(std::string_view bytes) {
  z_stream stream{};
  // Negative window bits leave out the head and the checksum of zlib: raw deflate.
  if (deflateInit2(&stream, 6, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw RunError("page: zlib cannot be started");
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  // zlib does not change its input; the interface of C lacks the const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (end != Z_STREAM_END) throw RunError("page: zlib cannot compress a block");
  return out;
}

std::string policy_hash(std::string_view script) {
  const Sha256Digest digest = Sha256().update(script).finish();
  return "sha256-" + base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace lensbench::page
