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

TEST(CleanOutputName, TakesTheControlCharactersAboveAsciiOut) {
  EXPECT_EQ(clean_output_name("a\xc2\x9b"
                              "2Jb\xc2\x80"
                              "c\xc2\x9f"),
            "a2Jbc");
  // U+00A0 and U+00DB are none, though the latter has 9B in it.
  EXPECT_EQ(clean_output_name("a\xc2\xa0\xc3\x9b"), "a\xc2\xa0\xc3\x9b");
  // Nor does one arise from what is left.
  EXPECT_EQ(clean_output_name("a\xc2\x01\x9b"
                              "b"),
            "ab");
  EXPECT_EQ(clean_output_name("a\xc2\xc2\x9b\x9b"
                              "b"),
            "ab");
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
