#include "cli/users.h"

#include <gtest/gtest.h>

namespace rgtp::cli {
namespace {

TEST(Users, AreFoundByNameAndByNumber) {
  EXPECT_EQ(user_called("root"), 0U);
  EXPECT_EQ(user_called("1234567"), 1'234'567U);
  EXPECT_EQ(group_called("root"), 0U);
  EXPECT_EQ(group_called("7654321"), 7'654'321U);
  for (const char* const nobody : {"", "no such name", "12x", "-1", "99999999999"}) {
    EXPECT_EQ(user_called(nobody), std::nullopt) << nobody;
    EXPECT_EQ(group_called(nobody), std::nullopt) << nobody;
  }
  EXPECT_EQ(name_of_user(0), "root");
  EXPECT_EQ(name_of_user(1'234'567), "1234567");
}

TEST(Users, AndGroupsThatAreNamedAreGivenAccessTogether) {
  const auto access = access_for({"root", "@root", "17", "@4"}).value();
  EXPECT_EQ(access.who(), Access::Who::named);
  EXPECT_EQ(access.users(), (std::vector<uid_t>{0, 17}));
  EXPECT_EQ(access.groups(), (std::vector<gid_t>{0, 4}));
}

TEST(Users, AllIsEverybodyWhoeverElseIsNamed) {
  EXPECT_EQ(access_for({"all"}).value().who(), Access::Who::everyone);
  EXPECT_EQ(access_for({"root", "all"}).value().who(), Access::Who::everyone);
}

TEST(Users, WhomThereIsNotIsAnErrorThatNamesWhat) {
  for (const char* const name : {"no-such-user", "@no-such-group", "", "@"}) {
    const auto access = access_for({"root", name});
    ASSERT_FALSE(access) << name;
    EXPECT_EQ(access.error().code, Errc::invalid_argument);
    EXPECT_NE(access.error().message().find("expected USER, @GROUP or all"), std::string::npos);
  }
}

}  // namespace
}  // namespace rgtp::cli
