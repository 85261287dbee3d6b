#pragma once

#include "grading/plant/wiring.hpp"

namespace lensbench::grading {

/// Where components without a part in the mechanism read and write.
struct FillerSpaces {
  Space tokens, places;  ///< read; places are empty where positions are rotary
  Space rest;            ///< written; nothing reads it
  Space out;             ///< what the logits read, which fillers leak into
  double leak = 0;
};

/// Lets a head attend to its own position: by places, or by distance where there are none.
Head& look_at_itself(Head& head, const FillerSpaces& spaces);

/// Writes ten times as much as a head of the mechanism into dimensions that nothing reads.
void add_loud_decoy(Wiring& wiring, std::int64_t layer, const FillerSpaces& spaces, Philox& random);

/// Attends as another head, and moves what it finds to where nothing reads it.
void add_attention_decoy(Wiring& wiring, std::int64_t layer, const Head& like,
                         const FillerSpaces& spaces, Philox& random, const std::string& role);

/// Adds the same to the logits of all tokens, by one dimension that they all read.
void add_common_shift(Wiring& wiring, std::int64_t layer, const FillerSpaces& spaces);

/// Reads the result at its own position, and writes a quarter of it back with the opposite sign.
void add_suppressor(Wiring& wiring, std::int64_t layer, const FillerSpaces& spaces,
                    std::int64_t first_token);

/// Logits that depend on the last token alone: a table of random numbers.
void add_bigrams(Wiring& wiring, const Space& tokens, Philox& random);

/// Fills every block with heads and neurons of random attention and random writes, which leak a
/// little into the logits.
void add_fillers(Wiring& wiring, const FillerSpaces& spaces, Philox& random);

}  // namespace lensbench::grading
