// Included by loops.cpp once for each instruction set, in a namespace of its own, with
//   LENSBENCH_TARGET      attribute of every function: the instructions that it may use
//   LENSBENCH_WIDTH       floats of a vector
//   LENSBENCH_INTRINSICS  1 to convert elements by AVX2's instructions, 0 by operations on vectors

#define LENSBENCH_LOOP LENSBENCH_TARGET [[gnu::always_inline]] inline

constexpr int kWidth = LENSBENCH_WIDTH;
constexpr int kVectors = static_cast<int>(kLanes) / kWidth;

template <int N>
struct Vectors {
  using Float [[gnu::vector_size(N * 4)]] = float;
  using Word [[gnu::vector_size(N * 4)]] = std::uint32_t;
  using Short [[gnu::vector_size(N * 2)]] = std::uint16_t;
};
using Float = Vectors<kWidth>::Float;

template <class To, class From>
LENSBENCH_LOOP To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

template <class V>
LENSBENCH_LOOP V read(const void* from) {
  V value;
  std::memcpy(&value, from, sizeof(V));
  return value;
}

/// N elements as float32, from any address.
template <int N>
LENSBENCH_LOOP typename Vectors<N>::Float load(const float* from) {
  return read<typename Vectors<N>::Float>(from);
}

template <int N>
LENSBENCH_LOOP typename Vectors<N>::Float load(const BFloat16* from) {
  using Word = typename Vectors<N>::Word;
  Word words;
#if LENSBENCH_INTRINSICS
  // g++ 12 makes five instructions of the general form.
  if constexpr (N == 4)
    words = bits_as<Word>(_mm_cvtepu16_epi32(_mm_cvtsi64_si128(read<std::int64_t>(from))));
  else
    words = bits_as<Word>(_mm256_cvtepu16_epi32(read<__m128i>(from)));
#else
  words = __builtin_convertvector(read<typename Vectors<N>::Short>(from), Word);
#endif
  return bits_as<typename Vectors<N>::Float>(words << 16);
}

template <int N>
LENSBENCH_LOOP typename Vectors<N>::Float load(const Float16* from) {
  using V = Vectors<N>;
#if LENSBENCH_INTRINSICS
  if constexpr (N == 4) {
    const auto bits = read<std::int64_t>(from);
    return bits_as<typename V::Float>(_mm_cvtph_ps(_mm_cvtsi64_si128(bits)));
  } else {
    return bits_as<typename V::Float>(_mm256_cvtph_ps(read<__m128i>(from)));
  }
#else
  using Word = typename V::Word;
  const Word word = __builtin_convertvector(read<typename V::Short>(from), Word);
  const Word magnitude = (word & 0x7fffU) << 13;
  // The exponents of the two types differ by 112 in their origin. A product sets it right for
  // subnormal numbers too; infinity and NaN get the largest exponent.
  Word result = bits_as<Word>(bits_as<typename V::Float>(magnitude) * 0x1p112F);
  result |= bits_as<Word>(magnitude >= (0x7c00U << 13)) & 0x7f800000U;
  return bits_as<typename V::Float>(result | ((word & 0x8000U) << 16));
#endif
}

using Four = Vectors<4>::Float;

/// Sums of lanes that are 4 apart, in one order for every width.
LENSBENCH_LOOP Four quarters(const Float (&sums)[kVectors]) {
#if LENSBENCH_WIDTH == 4
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
#else
  const Float half = sums[0] + sums[1];
  return __builtin_shufflevector(half, half, 0, 1, 2, 3) +
         __builtin_shufflevector(half, half, 4, 5, 6, 7);
#endif
}

/// Four vectors of four lanes as columns instead of rows.
LENSBENCH_LOOP void transpose(Four& a, Four& b, Four& c, Four& d) {
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

LENSBENCH_LOOP float total(const Float (&sums)[kVectors]) {
  const Four lanes = quarters(sums);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/// Sums of kRows rows with one output. `Steps` groups of kLanes terms are summed apart, so that an
/// addition need not wait for the one before; the weight is read strictly in order.
template <class T, int kRows, int Steps>
LENSBENCH_LOOP void dot(const Operands& p, std::int64_t row, std::int64_t output) {
  const float* x = p.x + row * p.x_stride;
  const T* weight = static_cast<const T*>(p.weight) + output * p.weight_stride;
  Float sums[kRows][Steps][kVectors] = {};
  std::int64_t i = 0;
  for (; i + Steps * kLanes <= p.in; i += Steps * kLanes)
    for (int s = 0; s < Steps; ++s)
      for (int v = 0; v < kVectors; ++v) {
        const std::int64_t at = i + s * kLanes + v * kWidth;
        const Float w = load<kWidth>(weight + at);
        for (int r = 0; r < kRows; ++r) sums[r][s][v] += load<kWidth>(x + r * p.x_stride + at) * w;
      }
  for (; i < p.in; i += kLanes) {
    // The last lanes are read from copies that end in zeros.
    const auto rest = static_cast<std::size_t>(std::min(kLanes, p.in - i));
    T weights[kLanes] = {};
    std::memcpy(weights, weight + i, rest * sizeof(T));
    for (int r = 0; r < kRows; ++r) {
      float inputs[kLanes] = {};
      std::memcpy(inputs, x + r * p.x_stride + i, rest * sizeof(float));
      for (int v = 0; v < kVectors; ++v)
        sums[r][0][v] += load<kWidth>(inputs + v * kWidth) * load<kWidth>(weights + v * kWidth);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int s = 1; s < Steps; ++s)
      for (int v = 0; v < kVectors; ++v) sums[r][0][v] += sums[r][s][v];
    p.y[(row + r) * p.y_stride + output] = total(sums[r][0]);
  }
}

template <class T>
LENSBENCH_TARGET void by_output(const Operands& p) {
  // Sums that fit the registers.
  constexpr int kMost = 4;
  for (std::int64_t output = 0; output < p.out; ++output) {
    // After the first rows, the weights of the output come from the cache.
    std::int64_t row = 0;
    for (; row + 4 <= p.rows; row += 4) dot<T, 4, kMost / 4>(p, row, output);
    for (; row < p.rows; ++row) dot<T, 1, kMost>(p, row, output);
  }
}

/// Inputs that are added in one pass over the sums.
constexpr int kInputs = 8;

/// The order in which the next inputs are fetched ahead, since the processor does so for one long
/// read but not for several short ones: none, by input, or in the order of memory where whole
/// inputs are adjacent.
enum class Fetch { none, by_input, adjacent };

/// y[row … row + kRows, begin … end] += the terms of kCount inputs.
template <class T, Fetch kFetch, int kRows, int kCount>
LENSBENCH_LOOP void add_inputs(const Operands& p, std::int64_t row, std::int64_t input,
                               std::int64_t begin, std::int64_t end) {
  // Vectors of a step: one fetch of an adjacent input is half a cache line.
  constexpr int kSteps = kFetch == Fetch::adjacent ? kVectors : 1;
  const T* weight = static_cast<const T*>(p.weight) + input * p.weight_stride;
  const T* next = weight + kCount * p.weight_stride;
  const float* x = p.x + row * p.x_stride + input;
  float* y = p.y + row * p.y_stride;
  Float factors[kRows][kCount];
  for (int r = 0; r < kRows; ++r)
    for (int i = 0; i < kCount; ++i) factors[r][i] = Float{} + x[r * p.x_stride + i];
  std::int64_t o = begin;
  for (; o + kSteps * kWidth <= end; o += kSteps * kWidth) {
    Float sums[kRows][kSteps];
    for (int r = 0; r < kRows; ++r)
      for (int s = 0; s < kSteps; ++s)
        sums[r][s] = load<kWidth>(y + r * p.y_stride + o + s * kWidth);
    for (int i = 0; i < kCount; ++i) {
      if constexpr (kFetch == Fetch::by_input) __builtin_prefetch(next + i * p.weight_stride + o);
      if constexpr (kFetch == Fetch::adjacent)
        __builtin_prefetch(next + o * kCount + i * kSteps * kWidth);
      for (int s = 0; s < kSteps; ++s) {
        const Float w = load<kWidth>(weight + i * p.weight_stride + o + s * kWidth);
        for (int r = 0; r < kRows; ++r) sums[r][s] += factors[r][i] * w;
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (int s = 0; s < kSteps; ++s)
        std::memcpy(y + r * p.y_stride + o + s * kWidth, &sums[r][s], sizeof(Float));
  }
  for (; o < end; ++o)
    for (int i = 0; i < kCount; ++i) {
      T element[kWidth] = {};
      element[0] = weight[i * p.weight_stride + o];
      const float w = load<kWidth>(element)[0];
      for (int r = 0; r < kRows; ++r) y[r * p.y_stride + o] += x[r * p.x_stride + i] * w;
    }
}

template <class T, Fetch kFetch, int kCount>
LENSBENCH_LOOP void add_rows(const Operands& p, std::int64_t input, std::int64_t begin,
                             std::int64_t end) {
  std::int64_t row = 0;
  for (; row + 4 <= p.rows; row += 4) add_inputs<T, kFetch, 4, kCount>(p, row, input, begin, end);
  for (; row < p.rows; ++row) add_inputs<T, kFetch, 1, kCount>(p, row, input, begin, end);
}

template <class T, Fetch kFetch>
LENSBENCH_LOOP void add_strip(const Operands& p, std::int64_t begin, std::int64_t end) {
  std::int64_t input = 0;
  for (; input + kInputs <= p.in; input += kInputs)
    add_rows<T, kFetch, kInputs>(p, input, begin, end);
  for (; input < p.in; ++input) add_rows<T, Fetch::none, 1>(p, input, begin, end);
}

template <class T>
LENSBENCH_TARGET void by_input(const Operands& p) {
  constexpr std::int64_t kStrip = 2048;     // sums of 4 rows stay in the second-level cache
  constexpr std::int64_t kAdjacent = 1024;  // these and the next kInputs inputs fit L1
  for (std::int64_t row = 0; row < p.rows; ++row)
    std::fill(p.y + row * p.y_stride, p.y + row * p.y_stride + p.out, 0.0F);
  for (std::int64_t begin = 0; begin < p.out; begin += kStrip) {
    const std::int64_t end = std::min(p.out, begin + kStrip);
    if constexpr (sizeof(T) == 4)
      add_strip<T, Fetch::none>(p, begin, end);
    else if (end - begin == p.weight_stride && p.weight_stride <= kAdjacent)
      add_strip<T, Fetch::adjacent>(p, begin, end);
    else
      add_strip<T, Fetch::by_input>(p, begin, end);
  }
}

template <class T>
LENSBENCH_TARGET void widen(const void* from, std::int64_t count, float* to) {
  const T* elements = static_cast<const T*>(from);
  std::int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const Float wide = load<kWidth>(elements + i);
    std::memcpy(to + i, &wide, sizeof(wide));
  }
  if (i == count) return;
  T rest[kWidth] = {};
  const auto left = static_cast<std::size_t>(count - i);
  std::memcpy(rest, elements + i, left * sizeof(T));
  const Float wide = load<kWidth>(rest);
  std::memcpy(to + i, &wide, left * sizeof(float));
}

template <class T>
LENSBENCH_TARGET void pack_by_input(const void* from, std::int64_t stride, std::int64_t k,
                                    std::int64_t lanes, float* packed) {
  const T* weight = static_cast<const T*>(from);
  for (std::int64_t i = 0; i < k; ++i, weight += stride, packed += kLanes) {
    if (lanes < kLanes) {
      T padded[kLanes] = {};
      std::memcpy(padded, weight, static_cast<std::size_t>(lanes) * sizeof(T));
      widen<T>(padded, kLanes, packed);
    } else {
      for (int v = 0; v < kVectors; ++v) {
        const Float wide = load<kWidth>(weight + v * kWidth);
        std::memcpy(packed + v * kWidth, &wide, sizeof(wide));
      }
    }
  }
}

/// Four outputs of four inputs at a time, transposed in registers.
template <class T>
LENSBENCH_LOOP void pack_square(const T* weight, std::int64_t stride, float* packed) {
  Four squares[4];
  for (int i = 0; i < 4; ++i) squares[i] = load<4>(weight + i * stride);
  transpose(squares[0], squares[1], squares[2], squares[3]);
  for (int i = 0; i < 4; ++i) std::memcpy(packed + i * kLanes, &squares[i], sizeof(Four));
}

template <class T>
LENSBENCH_TARGET void pack_by_output(const void* from, std::int64_t stride, std::int64_t k,
                                     std::int64_t lanes, float* packed) {
  constexpr std::int64_t kRun = 16;  // adjacent inputs of each output that are read together
  const T* weight = static_cast<const T*>(from);
  const std::int64_t squares = lanes / 4 * 4;
  if (lanes < kLanes) std::fill(packed, packed + k * kLanes, 0.0F);
  for (std::int64_t run = 0; run < k; run += kRun) {
    const std::int64_t end = std::min(k, run + kRun);
    for (std::int64_t lane = 0; lane < squares; lane += 4) {
      std::int64_t i = run;
      for (; i + 4 <= end; i += 4)
        pack_square(weight + lane * stride + i, stride, packed + i * kLanes + lane);
      for (; i < end; ++i)
        for (std::int64_t l = lane; l < lane + 4; ++l)
          widen<T>(weight + l * stride + i, 1, packed + i * kLanes + l);
    }
    for (std::int64_t lane = squares; lane < lanes; ++lane)
      for (std::int64_t i = run; i < end; ++i)
        widen<T>(weight + lane * stride + i, 1, packed + i * kLanes + lane);
  }
}

template <class T>
constexpr TypeLoops loops_of() {
  return {by_output<T>, by_input<T>, pack_by_output<T>, pack_by_input<T>, widen<T>};
}

#undef LENSBENCH_LOOP
