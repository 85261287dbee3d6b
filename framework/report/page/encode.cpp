#include "report/page/encode.hpp"

#include <zlib.h>

#include <lensbench/error.hpp>

#include "core/files/sha256.hpp"

namespace lensbench::page {

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const unsigned group = unsigned{byte(i)} << 16 | (left > 1 ? unsigned{byte(i + 1)} << 8 : 0) |
                           (left > 2 ? unsigned{byte(i + 2)} : 0);
    text += kDigits[group >> 18];
    text += kDigits[group >> 12 & 63];
    text += left > 1 ? kDigits[group >> 6 & 63] : '=';
    text += left > 2 ? kDigits[group & 63] : '=';
  }
  return text;
}

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
