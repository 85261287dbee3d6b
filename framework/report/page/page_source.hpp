#pragma once

#include <string_view>

/// The page of `lensbench report`: one HTML file with a script, a style and the data of an archive.
namespace lensbench::page {

/// The script of the page, bundled by the build from the modules in this folder, with the licences
/// of the libraries that it contains. Empty in a build without the page (LENSBENCH_REPORT=OFF).
std::string_view page_script();

/// The script that unpacks `page_script` from the element `script` of the page and runs it, with
/// the same licences. Empty in a build without the page.
std::string_view starting_script();

/// The style of the page; empty in a build without the page.
std::string_view page_style();

/// The script of the live page of `lensbench serve`, which has the same views.
std::string_view live_script();

/// What its style has in addition to `page_style`.
std::string_view live_style();

}  // namespace lensbench::page
