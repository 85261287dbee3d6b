#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/run/frame.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/unit.hpp"

namespace lensbench {

/// Place of a unit in the packs of a run.
struct UnitPlace {
  std::size_t pack = 0;  ///< number in the order in which this process came to know the packs
  std::uint64_t offset = 0, bytes = 0;
  Checksum checksum;
};

/// The units of a run: frames that are appended to a file of this writer,
/// `open/<writer>/NNNNNN.part`, which becomes `packs/000/NNNNNN.pack` when it has many. Nobody else
/// writes to a file of a writer, and a pack never changes.
class Packs {
 public:
  /// A part becomes a pack when it has so many frames or this many bytes.
  static constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;

  Packs(const RunFolder& folder, std::size_t frames_per_pack);
  ~Packs();
  Packs(const Packs&) = delete;
  Packs& operator=(const Packs&) = delete;

  /// Receives a frame of an earlier process.
  using UseUnit = std::function<void(const FrameHead&, const UnitPlace&, const Unit&)>;
  /// Finds the whole frames of earlier processes. Their unfinished files are cut after the last
  /// whole frame and become packs. \return number of damaged frames
  /// \throws RunError if a file cannot be read or changed
  std::size_t recover(const UseUnit& use);
  /// Finds the whole frames in the files of all processes of a folder that is shared, without a
  /// change of any file, since their writers may be at work. A file of which every byte was in a
  /// whole frame is looked at again only if it has grown. \param want  frames that are read; empty:
  /// all \return number of damaged frames \throws RunError if a file cannot be read
  std::size_t look(const UseUnit& use, const WantFrame& want = {});

  /// Appends a frame, which is safe only after `make_safe`. After an exception, it is not there.
  /// \throws RunError
  UnitPlace append(FrameHead head, const UnitImage& image);
  /// Makes the file of this writer a pack if it is full; all units are safe then. The next `append`
  /// does it otherwise. \return whether it was full
  /// \throws RunError; the units are still there
  bool end_if_full();
  /// Whether all units survive a power cut.
  bool is_safe() const { return safe_; }
  /// \throws RunError; then the units since the last call are not safe, and cannot be made so
  void make_safe();
  /// Makes all units safe and closes the file of this writer. In a folder that is shared, it
  /// becomes a pack. \throws RunError
  void finish_writing();

  /// Closes the file that was read last, since a network file system keeps the folder of an open
  /// file. A later `read` opens it again.
  void close_files();

  /// A unit with the checksum that it was written with. \throws InputError
  std::shared_ptr<const Unit> read(const UnitPlace& place);

 private:
  FrameScan recover_file(const std::filesystem::path& file, const UseUnit& use,
                         const WantFrame& want = {});
  std::size_t recover_part(const std::filesystem::path& part, const UseUnit& use);
  void adopt(const std::filesystem::path& part, const FrameScan& scan);
  void begin_part();
  void end_part();
  std::filesystem::path publish_part();
  std::filesystem::path publish_among_others();
  void close_part();
  std::filesystem::path next_pack();
  void require_run() const;
  bool is_known(const std::optional<FileIdentity>& identity) const;
  void note_known(const std::optional<FileIdentity>& identity);

  const RunFolder& folder_;
  std::size_t frames_per_pack_;
  std::vector<std::filesystem::path> files_;  ///< by `UnitPlace::pack`
  std::string writer_;                        ///< name of this writer's folder; empty without one
  FileDescriptor part_;
  std::filesystem::path part_path_;
  std::uint64_t part_end_ = 0;
  std::size_t part_frames_ = 0;
  std::uint64_t next_number_ = 0;
  bool safe_ = true, broken_ = false;

  /// Bytes of the files that were looked at as a whole, or are of this process, by identity.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> known_;

  FileDescriptor open_;  ///< the file that was read last
  std::size_t open_number_ = SIZE_MAX;
};

}  // namespace lensbench
