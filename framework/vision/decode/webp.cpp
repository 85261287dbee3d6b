#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "vision/decode/stored_picture.hpp"

namespace lensbench::vision {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

std::string chunk_of(const WebPDemuxer* demuxer, const char* name) {
  WebPChunkIterator chunk;
  std::string content;
  if (WebPDemuxGetChunk(demuxer, name, 1, &chunk) != 0)
    content.assign(reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size);
  WebPDemuxReleaseChunkIterator(&chunk);
  return content;
}

/// Decodes the frame into its place of the picture, whose other pixels stay 0.
bool decode_frame(const WebPIterator& frame, StoredPicture& stored) {
  const bool inside = frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 &&
                      frame.height > 0 &&
                      std::int64_t{frame.x_offset} + frame.width <= stored.size.width &&
                      std::int64_t{frame.y_offset} + frame.height <= stored.size.height;
  WebPDecoderConfig config;
  if (!inside || WebPInitDecoderConfig(&config) == 0) return false;
  const auto stride = bytes_of({1, stored.size.width}, stored.channels);
  const auto first = static_cast<std::size_t>(frame.y_offset) * stride +
                     bytes_of({1, frame.x_offset}, stored.channels);
  config.output.colorspace = stored.channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = stored.pixels.data() + first;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = stored.pixels.size() - first;
  const bool same_size =
      WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input) == VP8_STATUS_OK &&
      config.input.width == frame.width && config.input.height == frame.height;
  return same_size &&
         WebPDecode(frame.fragment.bytes, frame.fragment.size, &config) == VP8_STATUS_OK;
}

}  // namespace

StoredPicture decode_webp(const PictureFile& file) {
  const WebPData data = {reinterpret_cast<const std::uint8_t*>(file.bytes.data()),
                         file.bytes.size()};
  const std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer(WebPDemux(&data));
  if (demuxer == nullptr) file.damaged(PictureFormat::webp, "its parts are not complete");
  StoredPicture stored;
  stored.size = {WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT),
                 WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH)};
  file.check(stored.size);
  const bool alpha = (WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0;
  stored.channels = alpha ? 4 : 3;
  stored.exif = chunk_of(demuxer.get(), "EXIF");
  stored.xmp = chunk_of(demuxer.get(), "XMP ");
  stored.pixels.resize(bytes_of(stored.size, stored.channels));
  WebPIterator frame;
  const bool found = WebPDemuxGetFrame(demuxer.get(), 1, &frame) != 0;
  const bool decoded = found && decode_frame(frame, stored);
  WebPDemuxReleaseIterator(&frame);
  if (!decoded) file.damaged(PictureFormat::webp, "its first frame cannot be decoded");
  return stored;
}

}  // namespace lensbench::vision
