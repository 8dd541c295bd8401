#include <random>

#include <gtest/gtest.h>

#include <rgtp/locator.h>

namespace rgtp {
namespace {

using namespace std::string_literals;

const std::string id_text = "00112233445566778899aabbccddeeff";
// The bytes 0 to 31, and 32 times 255, in base64url.
const std::string key_text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const std::string root_text = "__________________________________________8";

SurfaceId some_id() { return SurfaceId::from_hex(id_text).value(); }

// The locator of some surface at HOST:PORT.
std::string network_text(const std::string& host_and_port) {
  return "rgtp://" + host_and_port + "/" + id_text;
}

void expect_malformed(const std::string& text) {
  const auto locator = Locator::parse(text);
  ASSERT_FALSE(locator) << text;
  EXPECT_EQ(locator.error().code, Errc::malformed_locator) << text;
}

// What parse() accepts must survive being printed and parsed again.
void expect_round_trip(const std::string& text, const Locator& locator) {
  const auto again = Locator::parse(locator.reveal());
  ASSERT_TRUE(again) << text << " became " << locator.reveal();
  EXPECT_EQ(*again, locator) << text;
  EXPECT_EQ(again->reveal(), locator.reveal()) << text;
}

TEST(Locator, NamesAPeerOnTheNetwork) {
  const auto locator = Locator::parse("rgtp://192.0.2.7:4711/" + id_text).value();
  EXPECT_EQ(std::get<Locator::Network>(locator.where()), (Locator::Network{"192.0.2.7", 4711, some_id()}));
  EXPECT_EQ(locator.id(), some_id());
  EXPECT_FALSE(locator.key());
  EXPECT_FALSE(locator.root());
  EXPECT_EQ(locator.reveal(), "rgtp://192.0.2.7:4711/" + id_text);
  EXPECT_EQ(locator.to_string(), locator.reveal());
}

TEST(Locator, TakesNamesAndBracketedAddressesAsHosts) {
  const std::pair<std::string, std::string> hosts[] = {{"localhost", "localhost"},
                                                       {"local", "local"},
                                                       {"a_b.example-1.org", "a_b.example-1.org"},
                                                       {"[::1]", "::1"},
                                                       {"[fe80::1%eth0]", "fe80::1%eth0"},
                                                       {"[::ffff:192.0.2.7]", "::ffff:192.0.2.7"}};
  for (const auto& [text, host] : hosts) {
    const std::string whole_text = network_text(text + ":1");
    const auto locator = Locator::parse(whole_text);
    ASSERT_TRUE(locator) << text;
    EXPECT_EQ(std::get<Locator::Network>(locator->where()).host, host);
    EXPECT_EQ(locator->reveal(), whole_text);
  }
}

TEST(Locator, RefusesHostsThatAreNone) {
  for (const std::string host : {"", "[", "]", "[]", "[]]", "[::1", "::1]", "[::1]x", "[abc]", "::1", "a:b",
                                 "a b", "a@b", "a%b", "[::1/64]", "\xc3\xa4"})
    expect_malformed(network_text(host + ":4711"));
  expect_malformed("rgtp://" + std::string(254, 'a') + ":4711/" + id_text);
  expect_malformed("rgtp://[" + std::string(65, ':') + "]:4711/" + id_text);
  EXPECT_TRUE(Locator::parse("rgtp://" + std::string(253, 'a') + ":4711/" + id_text));
  EXPECT_TRUE(Locator::parse("rgtp://[" + std::string(64, ':') + "]:4711/" + id_text));
}

TEST(Locator, TakesPortsFromOneToTheLast) {
  EXPECT_EQ(std::get<Locator::Network>(Locator::parse("rgtp://h:1/" + id_text)->where()).port, 1);
  EXPECT_EQ(std::get<Locator::Network>(Locator::parse("rgtp://h:65535/" + id_text)->where()).port, 65535);
  for (const std::string port :
       {"", "0", "65536", "4294967297", "99999999999999999999", "-1", "+1", " 1", "1 ", "1a", "0x10", "port"})
    expect_malformed(network_text("h:" + port));
  expect_malformed("rgtp://h/" + id_text);
  expect_malformed("rgtp://[::1]/" + id_text);
  // The last group of an address is no port.
  EXPECT_NE(Locator::parse("rgtp://[::1]/" + id_text).error().message().find("port is missing"),
            std::string::npos);
}

TEST(Locator, NamesASurfaceOnThisHost) {
  const auto locator = Locator::parse("rgtp:///" + id_text).value();
  EXPECT_EQ(std::get<Locator::ThisHost>(locator.where()).id, some_id());
  EXPECT_EQ(locator.id(), some_id());
  EXPECT_EQ(locator.reveal(), "rgtp:///" + id_text);
}

TEST(Locator, TakesUpperCaseDigitsAndPrintsLowerCase) {
  const auto locator = Locator::parse("rgtp:///00112233445566778899AABBCCDDEEFF").value();
  EXPECT_EQ(locator.reveal(), "rgtp:///" + id_text);
}

TEST(Locator, NeedsAWholeId) {
  for (const std::string& path : {std::string(), id_text.substr(1), id_text + "0", id_text + "/",
                                  std::string("/") + id_text, std::string("x") + id_text.substr(1)}) {
    expect_malformed("rgtp:///" + path);
    expect_malformed("rgtp://h:1/" + path);
  }
  expect_malformed("rgtp://h:1");
  expect_malformed("rgtp://" + id_text);
}

TEST(Locator, NamesARendezvous) {
  const auto locator = Locator::parse("rgtp://local/camera-1.left_eye").value();
  EXPECT_EQ(std::get<Locator::Local>(locator.where()).name, "camera-1.left_eye");
  EXPECT_FALSE(locator.id());
  EXPECT_EQ(locator.reveal(), "rgtp://local/camera-1.left_eye");
  EXPECT_EQ(Locator::local("camera-1.left_eye"), locator);
}

TEST(Locator, KeepsLocalNamesFitForAFileSystem) {
  for (const std::string& name :
       {std::string("x"), std::string("a.b"), std::string("-"), std::string(128, 'n')})
    EXPECT_TRUE(Locator::local(name)) << name;
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string(".a"),
                                  std::string("a/b"), std::string("a b"), std::string("a#b"),
                                  std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(129, 'n')}) {
    const auto locator = Locator::local(name);
    ASSERT_FALSE(locator) << name;
    EXPECT_EQ(locator.error().code, Errc::malformed_locator);
    expect_malformed("rgtp://local/" + name);
  }
}

TEST(Locator, KeepsWhatBelongsToAnotherTransport) {
  for (const std::string text : {"rgtp+etcd2://anything/at?all=://x", "rgtp+a://"}) {
    const auto locator = Locator::parse(text).value();
    const auto& other = std::get<Locator::Other>(locator.where());
    EXPECT_EQ("rgtp+" + other.scheme + "://" + other.rest, text);
    EXPECT_FALSE(locator.id());
    EXPECT_EQ(locator.reveal(), text);
  }
  EXPECT_TRUE(Locator::parse("rgtp+" + std::string(32, 's') + "://x"));
  expect_malformed("rgtp+" + std::string(33, 's') + "://x");
}

TEST(Locator, RefusesOtherSchemes) {
  for (const std::string text :
       {"", "rgtp", "rgtp:", "rgtp:/", "rgtp://", "://", "http://h:1/", "RGTP://local/a", "rgtps://local/a",
        " rgtp://local/a", "rgtp+://x", "rgtp+A://x", "rgtp+a-b://x", "rgtp+a+b://x"})
    expect_malformed(text);
}

TEST(Locator, RefusesWhiteSpaceAndControlCharacters) {
  for (const char c : {' ', '\t', '\n', '\r', '\0', '\x1f', '\x7f'})
    expect_malformed(std::string("rgtp+x://a") + c + "b");
}

TEST(Locator, IsAtMostFourThousandCharactersLong) {
  const std::string head = "rgtp+x://";
  EXPECT_TRUE(Locator::parse(head + std::string(4096 - head.size(), 'a')));
  expect_malformed(head + std::string(4097 - head.size(), 'a'));
}

TEST(Locator, CarriesAKeyAndARoot) {
  const auto locator = Locator::parse("rgtp:///" + id_text + "#v=" + root_text + "&k=" + key_text).value();
  ASSERT_TRUE(locator.key() && locator.root());
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(locator.key()->bytes()[i], static_cast<std::byte>(i));
    EXPECT_EQ((*locator.root())[i], std::byte{0xff});
  }
  // One order, whichever it came in.
  EXPECT_EQ(locator.reveal(), "rgtp:///" + id_text + "#k=" + key_text + "&v=" + root_text);
  EXPECT_EQ(locator, Locator::parse(locator.reveal()));
  const auto rooted = Locator::parse("rgtp+x://y#v=" + root_text).value();
  EXPECT_FALSE(rooted.key());
  EXPECT_EQ(rooted.reveal(), "rgtp+x://y#v=" + root_text);
}

TEST(Locator, ShowsNoKeyToPeople) {
  const std::string where = "rgtp://local/a";
  EXPECT_EQ(Locator::parse(where + "#k=" + key_text)->to_string(), where + "#k=...");
  EXPECT_EQ(Locator::parse(where + "#v=" + root_text)->to_string(), where + "#v=" + root_text);
  EXPECT_EQ(Locator::parse(where + "#k=" + key_text + "&v=" + root_text)->to_string(),
            where + "#k=...&v=" + root_text);
}

TEST(Locator, RefusesDamagedSecretsAndNeverRepeatsThem) {
  const std::string k = "k=" + key_text;
  std::string loose_bits = k;
  loose_bits.back() = '9';  // the bits behind the 32nd byte are set
  const std::vector<std::string> fragments = {"",
                                              "k=",
                                              k.substr(0, k.size() - 1),
                                              k + "A",
                                              k + "=",
                                              k + "&",
                                              "&" + k,
                                              k + "&" + k,
                                              "v=" + root_text + "&v=" + root_text,
                                              "x=" + key_text,
                                              key_text,
                                              "K=" + key_text,
                                              loose_bits,
                                              "k=+" + key_text.substr(1),
                                              "k=/" + key_text.substr(1),
                                              k + "#" + k};
  const std::string before = "rgtp:///" + id_text + "#";
  for (const std::string& fragment : fragments) {
    const std::string text = before + fragment;
    const auto locator = Locator::parse(text);
    ASSERT_FALSE(locator) << text;
    EXPECT_EQ(locator.error().code, Errc::malformed_locator);
    EXPECT_EQ(locator.error().message().find(key_text.substr(5, 20)), std::string::npos) << text;
  }
  // Nor where another part is wrong.
  const auto wrong_host = Locator::parse("rgtp://?:1/" + id_text + "#" + k);
  ASSERT_FALSE(wrong_host);
  EXPECT_EQ(wrong_host.error().message().find(key_text.substr(5, 20)), std::string::npos);
}

// Valid locators of every kind, with and without key and root.
class RandomLocators {
 public:
  explicit RandomLocators(std::uint64_t seed) : random_(seed) {}

  std::string next() {
    static const std::string name = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    std::string text;
    switch (below(4)) {
      case 0: text = "rgtp://" + host(name) + ":" + std::to_string(1 + below(65535)) + "/" + id(); break;
      case 1: text = "rgtp:///" + id(); break;
      case 2: text = "rgtp://local/" + word("abcXYZ019_-", 1) + word(name, below(128)); break;
      default:
        text = "rgtp+" + word("abcxyz019", 1 + below(32)) + "://" + word(name + ":/?&=%", below(60));
        break;
    }
    if (below(2) == 0) text += "#k=" + secret();
    if (below(2) == 0) text += (text.find('#') == std::string::npos ? "#v=" : "&v=") + secret();
    return text;
  }
  // The text with one to four characters changed, inserted, left out, or pieces of it put elsewhere.
  std::string mutated(std::string text) {
    static const std::string likely = "rgtp+:/#&=kvlocal[]%.-_0aAfFgZ9\0\xff "s;
    for (std::uint64_t i = 1 + below(4); i > 0; --i) {
      const std::size_t at = below(text.size() + 1);
      switch (below(4)) {
        case 0: text.insert(at, 1, likely[below(likely.size())]); break;
        case 1: text.erase(at, 1 + below(3)); break;
        case 2:
          if (at < text.size())
            text[at] = below(2) == 0 ? likely[below(likely.size())] : static_cast<char>(below(256));
          break;
        default: text.insert(at, text.substr(below(text.size() + 1), below(20))); break;
      }
    }
    return text;
  }

 private:
  std::uint64_t below(std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_);
  }
  std::string word(std::string_view letters, std::uint64_t length) {
    std::string text;
    while (text.size() < length) text += letters[below(letters.size())];
    return text;
  }
  std::string id() { return word("0123456789abcdef", 32); }
  std::string host(std::string_view name) {
    if (below(3) > 0) return word(name, 1 + below(253));
    return "[" + word("0123456789abcdef:", below(20)) + ":" + word("0123456789abcdef:.", below(20)) +
           (below(2) == 0 ? "%" + word(name, below(20)) : "") + "]";
  }
  // Of the last character only four bits count.
  std::string secret() {
    return word("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 42) +
           word("AEIMQUYcgkosw048", 1);
  }

  std::mt19937_64 random_;
};

TEST(Locator, RevealsExactlyTheTextOfAnyValidLocator) {
  RandomLocators locators(1);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = locators.next();
    const auto locator = Locator::parse(text);
    ASSERT_TRUE(locator) << text << ": " << locator.error().message();
    ASSERT_EQ(locator->reveal(), text);
    expect_round_trip(text, *locator);
  }
}

TEST(Locator, SurvivesDamagedText) {
  RandomLocators locators(2);
  int accepted = 0;
  for (int i = 0; i < 50000; ++i) {
    const std::string text = locators.mutated(locators.next());
    const auto locator = Locator::parse(text);
    if (!locator) {
      ASSERT_EQ(locator.error().code, Errc::malformed_locator);
      continue;
    }
    ++accepted;
    expect_round_trip(text, *locator);
  }
  // Neither branch of the above went unused.
  EXPECT_GT(accepted, 500);
  EXPECT_LT(accepted, 49500);
}

}  // namespace
}  // namespace rgtp
