#include "cli/output_name.h"

#include <gtest/gtest.h>

namespace rgtp::cli {
namespace {

TEST(CleanOutputName, KeepsAnOrdinaryName) {
  EXPECT_EQ(clean_output_name("model.bin"), "model.bin");
  EXPECT_EQ(clean_output_name("two words.tar.gz"), "two words.tar.gz");
  EXPECT_EQ(clean_output_name("Überblick.pdf"), "Überblick.pdf");
}

TEST(CleanOutputName, KeepsOnlyWhatStandsBehindTheLastSlash) {
  EXPECT_EQ(clean_output_name("../../etc/passwd"), "passwd");
  EXPECT_EQ(clean_output_name("/etc/passwd"), "passwd");
  EXPECT_EQ(clean_output_name("..\\..\\autoexec.bat"), "autoexec.bat");
  EXPECT_EQ(clean_output_name("a/b\\c"), "c");
}

TEST(CleanOutputName, TakesControlCharactersOut) {
  EXPECT_EQ(clean_output_name("a\x1b[2Jb\r\n\tc\x7f"), "a[2Jbc");
  EXPECT_EQ(clean_output_name(std::string_view("a\0b", 3)), "ab");
}

TEST(CleanOutputName, IsNeitherHiddenNorAnOption) {
  EXPECT_EQ(clean_output_name(".bashrc"), "bashrc");
  EXPECT_EQ(clean_output_name("...x"), "x");
  EXPECT_EQ(clean_output_name("-rf"), "rf");
  EXPECT_EQ(clean_output_name("\n.\x1b-.x"), "x");
}

TEST(CleanOutputName, IsNeverEmptyNorADirectory) {
  for (const auto* name : {"", ".", "..", "../", "a/", "\\", "\n", ".-.", "../..", "\x01/\x02"})
    EXPECT_EQ(clean_output_name(name), "surface") << name;
}

}  // namespace
}  // namespace rgtp::cli
