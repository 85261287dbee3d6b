#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <lensbench/error.hpp>
#include <memory>

#include "vision/decode/png_text.hpp"
#include "vision/decode/stored_picture.hpp"

namespace lensbench::vision {
namespace {

constexpr std::size_t kWidthAt = 16, kHeightAt = 20, kHeaderEnd = 24;
constexpr png_uint_32 kMostSide = 0x7fffffff;
constexpr int kSixteen = 16;
constexpr std::size_t kSignature = 8, kAroundChunk = 12;  // bytes of the file, and of each chunk

// libpng reports an error by a function that must not return. It jumps back into one of the two
// functions below that call libpng to read: they hold nothing that has a destructor.
struct PngState {
  png_structp png;
  png_infop info;
  const unsigned char* bytes;
  std::size_t size;
  std::size_t at;
  std::jmp_buf back;
  char message[256];
};

extern "C" {

[[noreturn]] void png_failed(png_structp png, png_const_charp message) {
  auto& state = *static_cast<PngState*>(png_get_error_ptr(png));
  std::snprintf(state.message, sizeof state.message, "%s", message);
  std::longjmp(state.back, 1);
}

void png_warned(png_structp, png_const_charp) {}

void png_bytes(png_structp png, png_bytep to, png_size_t count) {
  auto& state = *static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state.size - state.at) png_error(png, "the file ends early");
  std::memcpy(to, state.bytes + state.at, count);
  state.at += count;
}

}  // extern "C"

std::size_t big_endian(const unsigned char* bytes) {
  std::size_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8U | bytes[i];
  return value;
}

/// Whether every chunk up to the last ends within the file. libpng takes memory for a chunk by the
/// length that it states, which may be 2 GB in a file of 100 bytes.
bool chunks_fit(const PngState& state) {
  for (std::size_t at = kSignature; state.size - at >= kAroundChunk;) {
    const std::size_t length = big_endian(state.bytes + at);
    if (length > state.size - at - kAroundChunk) return false;
    if (std::memcmp(state.bytes + at + 4, "IEND", 4) == 0) return true;
    at += kAroundChunk + length;
  }
  return false;
}

/// Reads everything before the pixels.
bool read_png_header(PngState& state) {
  if (!chunks_fit(state)) {
    std::snprintf(state.message, sizeof state.message, "the file ends early");
    return false;
  }
  if (setjmp(state.back) != 0) return false;
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, png_failed, png_warned);
  if (state.png == nullptr) return false;
  state.info = png_create_info_struct(state.png);
  if (state.info == nullptr) return false;
  png_set_read_fn(state.png, &state, png_bytes);
  png_set_user_limits(state.png, kMostSide, kMostSide);
  // A damaged chunk that says what is transparent would otherwise be skipped.
  png_set_crc_action(state.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_read_info(state.png, state.info);
  return true;
}

/// Asks for 8-bit red, green and blue, and alpha where there is one. 16-bit grey stays as it is.
/// \return false after an error
bool set_png_transforms(PngState& state) {
  if (setjmp(state.back) != 0) return false;
  const int type = png_get_color_type(state.png, state.info);
  const int depth = png_get_bit_depth(state.png, state.info);
  const bool grey_sixteen = type == PNG_COLOR_TYPE_GRAY && depth == kSixteen;
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(state.png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(state.png);
  if (depth == kSixteen && !grey_sixteen) png_set_strip_16(state.png);
  if ((type & PNG_COLOR_MASK_COLOR) == 0 && !grey_sixteen) png_set_gray_to_rgb(state.png);
  png_set_interlace_handling(state.png);
  png_read_update_info(state.png, state.info);
  return true;
}

bool read_png_pixels(PngState& state, png_bytepp rows) {
  if (setjmp(state.back) != 0) return false;
  png_read_image(state.png, rows);
  png_read_end(state.png, state.info);
  return true;
}

struct DestroyPng {
  void operator()(PngState* state) const {
    png_destroy_read_struct(&state->png, &state->info, nullptr);
    delete state;
  }
};

using PngHandle = std::unique_ptr<PngState, DestroyPng>;

/// Checks the size before libpng reads anything.
void check_png_size(const PictureFile& file) {
  if (file.bytes.size() < kHeaderEnd) file.damaged(PictureFormat::png, "it has no header");
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.bytes.data());
  file.check({png_get_uint_32(bytes + kHeightAt), png_get_uint_32(bytes + kWidthAt)});
}

/// Reads the transparent colour of a picture without alphas. Pillow compares the number in the file
/// with 8-bit values, which differs from the standard for grey of 2 and 4 bits.
std::optional<std::array<std::uint8_t, 3>> read_key(const PngState& state, int type, int depth) {
  png_bytep alphas = nullptr;
  int count = 0;
  png_color_16p colour = nullptr;
  if (png_get_tRNS(state.png, state.info, &alphas, &count, &colour) == 0) return {};
  std::array<unsigned, 3> key{};
  if (type == PNG_COLOR_TYPE_GRAY) {
    const unsigned grey = depth == 1 ? colour->gray * 255U : colour->gray;
    key = {grey, grey, grey};
  } else {
    key = {colour->red, colour->green, colour->blue};
  }
  // A number that no 8-bit value equals makes nothing transparent.
  if (*std::max_element(key.begin(), key.end()) > 255) return {};
  return std::array{static_cast<std::uint8_t>(key[0]), static_cast<std::uint8_t>(key[1]),
                    static_cast<std::uint8_t>(key[2])};
}

/// Colour of the one palette entry with alpha 0, where all others are opaque.
std::optional<std::array<std::uint8_t, 3>> read_palette_key(const PngState& state) {
  png_bytep alphas = nullptr;
  png_colorp palette = nullptr;
  int count = 0, colours = 0;
  if (png_get_tRNS(state.png, state.info, &alphas, &count, nullptr) == 0) return {};
  const auto transparent = std::find_if(alphas, alphas + count, [](int a) { return a != 255; });
  const bool one = transparent != alphas + count && *transparent == 0 &&
                   std::all_of(transparent + 1, alphas + count, [](int a) { return a == 255; });
  if (!one || png_get_PLTE(state.png, state.info, &palette, &colours) == 0) return {};
  const png_color& colour = palette[transparent - alphas];
  return std::array{colour.red, colour.green, colour.blue};
}

/// What is decided before the pixels are read, since libpng changes its fields afterwards.
struct PngKind {
  int type = 0;
  int depth = 0;
  bool grey_sixteen = false;
};

PngKind read_kind(const PngState& state, const PictureFile& file, SixteenBit sixteen_bit) {
  PngKind kind{png_get_color_type(state.png, state.info), png_get_bit_depth(state.png, state.info)};
  kind.grey_sixteen = kind.type == PNG_COLOR_TYPE_GRAY && kind.depth == kSixteen;
  const bool key = png_get_valid(state.png, state.info, PNG_INFO_tRNS) != 0;
  if (key && kind.depth == kSixteen)
    throw InputError(file.name +
                     ": the picture has 16 bits a value and a transparent colour, which is not "
                     "supported; save it with 8 bits a value");
  if (kind.grey_sixteen && sixteen_bit == SixteenBit::refuse)
    throw InputError(file.name +
                     ": the picture has 16-bit grey values, of which transformers makes white "
                     "wherever they exceed 255; set sixteen_bit=scale to take the high byte of "
                     "each, or sixteen_bit=clip to do as transformers");
  return kind;
}

/// 16-bit grey values, high byte first, as three equal 8-bit colours.
void reduce_grey(StoredPicture& stored, SixteenBit sixteen_bit) {
  const std::vector<std::uint8_t> grey = std::move(stored.pixels);
  stored.pixels.resize(bytes_of(stored.size, 3));
  stored.channels = 3;
  std::uint8_t* to = stored.pixels.data();
  for (std::size_t i = 0; i < grey.size(); i += 2) {
    const bool scale = sixteen_bit == SixteenBit::scale;
    const auto clipped = grey[i] != 0 ? std::uint8_t{255} : grey[i + 1];
    to = std::fill_n(to, 3, scale ? grey[i] : clipped);
  }
}

void read_metadata(const PngState& state, StoredPicture& stored) {
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(state.png, state.info, &size, &exif) != 0)
    stored.exif.assign(reinterpret_cast<const char*>(exif), size);
  png_textp texts = nullptr;
  int count = 0;
  png_get_text(state.png, state.info, &texts, &count);
  for (int i = 0; i < count; ++i) {
    const std::string_view key(texts[i].key);
    const std::size_t length = std::max(texts[i].text_length, texts[i].itxt_length);
    const std::string_view text(texts[i].text == nullptr ? "" : texts[i].text,
                                texts[i].text == nullptr ? 0 : length);
    if (key == "XML:com.adobe.xmp") stored.xmp = text;
    if (key == "Raw profile type exif" && stored.exif.empty()) stored.exif = raw_profile(text);
  }
}

void read_rows(PngState& state, const PictureFile& file, StoredPicture& stored) {
  const std::size_t stride = png_get_rowbytes(state.png, state.info);
  const auto height = static_cast<std::size_t>(stored.size.height);
  stored.pixels.resize(stride * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = stored.pixels.data() + y * stride;
  if (!read_png_pixels(state, rows.data())) file.damaged(PictureFormat::png, state.message);
}

}  // namespace

StoredPicture decode_png(const PictureFile& file, const DecodeOptions& options) {
  check_png_size(file);
  const PngHandle state(new PngState{});
  state->bytes = reinterpret_cast<const unsigned char*>(file.bytes.data());
  state->size = file.bytes.size();
  if (!read_png_header(*state)) file.damaged(PictureFormat::png, state->message);
  StoredPicture stored;
  stored.size = {png_get_image_height(state->png, state->info),
                 png_get_image_width(state->png, state->info)};
  file.check(stored.size);
  const PngKind kind = read_kind(*state, file, options.sixteen_bit);
  stored.sixteen_bit = kind.depth == kSixteen;
  if (kind.type == PNG_COLOR_TYPE_PALETTE)
    stored.key = options.alpha == Alpha::drop ? read_palette_key(*state) : std::nullopt;
  else
    stored.key = read_key(*state, kind.type, kind.depth);
  if (!set_png_transforms(*state)) file.damaged(PictureFormat::png, state->message);
  stored.channels = png_get_channels(state->png, state->info);
  read_rows(*state, file, stored);
  read_metadata(*state, stored);
  if (kind.grey_sixteen) reduce_grey(stored, options.sixteen_bit);
  return stored;
}

}  // namespace lensbench::vision
