// Published tables of colours, six hexadecimal digits a colour, from the low end to the high one. Between
// the colours of a table lines are drawn; figures of `lensbench plot` have all 256 colours.

// viridis by Nathaniel Smith and Stéfan van der Walt, every fifth of the 256 colours of
// matplotlib (CC0): the others are at most 1 of 255 away from the lines.
export const kViridis = [
  '44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d',
  '33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa83',
  '28ae802eb37c35b7793dbc7446c06f50c46a5ac86465cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11f',
  'd8e219e5e419f1e51dfde725',
].join('');

// cividis by Nuñez, Anderton and Renslow (PLOS ONE 13(7), 2018), every third of the 256 colours of
// matplotlib (CC0): the others are at most 2 of 255 away from the lines.
export const kCividis = [
  '00224e00255300275800295d002b62002d68002f6d0031700533710f35701637701c396f213b6e263d6e2a3f6d2e416d',
  '32436d35456c39486c3c4a6c3f4c6c424e6c45506c48526c4b546c4e566c51586d545a6d565c6d595e6e5c616e5e636f',
  '61656f646770666970696b716c6d726e6f737172747374757676767878777b7a787e7c78807f78838179868379898578',
  '8c88788f8a78928c78948e779791779a93769d9576a09875a39a74a69c74a99f73aca172afa471b3a670b6a96fb9ab6d',
  'bcae6cbfb06bc2b369c5b568c8b866ccba64cfbd62d2c060d5c25ed9c55cdcc859dfca57e2cd54e6d051e9d34eedd54a',
  'f0d846f3db42f7de3efbe138fee434fee838',
].join('');

// PuOr, 11 classes: colour specification by Cynthia Brewer (colorbrewer2.org, Apache-2.0).
export const kPurpleOrange = [
  '7f3b08b35806e08214fdb863fee0b6f7f7f7d8daebb2abd28073ac5427882d004b',
].join('');
