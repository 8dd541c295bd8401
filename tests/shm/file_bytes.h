// Words that the tests of files as regions share.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <rgtp/error.h>

#include "support/files.h"
#include "support/pattern.h"
#include "support/temporary_directory.h"

namespace rgtp::shm {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;
using test::names_in;
using test::pattern;
using test::read_file;
using test::TemporaryDirectory;
using test::write_file;

inline Bytes copy(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

template <class T>
void expect_error(const Result<T>& result, Errc code, const std::string& part_of_text) {
  ASSERT_FALSE(result) << "no " << to_string(code);
  EXPECT_EQ(result.error().code, code) << result.error().message();
  EXPECT_NE(result.error().message().find(part_of_text), std::string::npos) << result.error().message();
}

}  // namespace rgtp::shm
