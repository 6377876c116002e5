/**
 * Emoji that are commonly used, by category. Loaded when first wanted: see emoji.js.
 *
 * One entry between semicolons: the emoji, its shortcodes with commas, further words that find it.
 */
export const EMOJI = {
  Smileys: `😀 grinning happy;😃 smiley happy;😄 smile happy;😁 grin;😆 laughing,satisfied haha;😅 sweat_smile relief;🤣 rofl lol;
😂 joy lol tears;🙂 slight_smile;🙃 upside_down;😉 wink;😊 blush;😇 innocent angel;🥰 smiling_hearts love;😍 heart_eyes love;
🤩 star_struck wow;😘 kissing_heart;😗 kissing;😋 yum tasty;😛 tongue;😜 winking_tongue;🤪 zany crazy;🤑 money_mouth rich;
🤗 hugs,hugging;🤭 hand_over_mouth oops;🤫 shushing quiet;🤔 thinking hmm;🤐 zipper_mouth;🤨 raised_eyebrow;😐 neutral_face;
😑 expressionless;😶 no_mouth;😏 smirk;😒 unamused;🙄 rolling_eyes;😬 grimacing;🤥 lying_face;😌 relieved;😔 pensive sad;
😪 sleepy;🤤 drooling_face;😴 sleeping zzz;😷 mask ill;🤒 thermometer_face ill;🤕 head_bandage hurt;🤢 nauseated;🤮 vomiting;
🤧 sneezing;🥵 hot_face;🥶 cold_face;🥴 woozy;😵 dizzy_face;🤯 exploding_head mind blown;🤠 cowboy;🥳 partying party;😎 sunglasses cool;
🤓 nerd;🧐 monocle;😕 confused;😟 worried;🙁 slight_frown sad;😮 open_mouth wow;😯 hushed;😲 astonished;😳 flushed;🥺 pleading please;
😦 frowning;😧 anguished;😨 fearful scared;😰 cold_sweat;😥 disappointed_relieved;😢 cry sad;😭 sob cry;😱 scream;😖 confounded;
😣 persevere;😞 disappointed;😓 sweat;😩 weary;😫 tired_face;🥱 yawning bored;😤 triumph;😡 rage angry;😠 angry;🤬 cursing;
😈 smiling_imp devil;👿 imp;💀 skull dead;💩 poop;🤡 clown;👻 ghost;👽 alien;🤖 robot bot;🎃 jack_o_lantern halloween;😺 smiley_cat;
😹 joy_cat;😻 heart_eyes_cat;🙀 scream_cat;😿 crying_cat;🙈 see_no_evil monkey;🙉 hear_no_evil;🙊 speak_no_evil`,
  People: `👍 +1,thumbsup yes ok good;👎 -1,thumbsdown no bad;👌 ok_hand;✌️ v victory peace;🤞 crossed_fingers luck;🤟 love_you;🤘 metal rock;
🤙 call_me;👈 point_left;👉 point_right;👆 point_up;👇 point_down;✋ raised_hand stop;🖐️ hand_splayed;🖖 vulcan;👋 wave hello bye;
✊ fist;👊 punch,facepunch;👏 clap bravo;🙌 raised_hands hooray;👐 open_hands;🤲 palms_up;🤝 handshake deal;🙏 pray thanks please;
✍️ writing_hand;💅 nail_care;💪 muscle strong;👂 ear;👃 nose;🧠 brain;👀 eyes look;👁️ eye;👅 tongue_out;👄 lips;👶 baby;
🧒 child;👦 boy;👧 girl;🧑 person;👨 man;👩 woman;🧓 older_person;🙅 no_good;🙆 ok_person;💁 tipping_hand;🙋 raising_hand me;
🙇 bow sorry;🤦 facepalm;🤷 shrug;👮 police;🕵️ detective;👷 construction_worker;👸 princess;🤴 prince;🎅 santa;🦸 superhero;
🧙 mage wizard;🧟 zombie;🧑‍💻 technologist developer coder;🧑‍🎓 student;🧑‍🏫 teacher;🧑‍🍳 cook;🧑‍🚀 astronaut;🚶 walking;🏃 running;
💃 dancer;🕺 man_dancing;👯 dancers;🧘 lotus yoga;👫 couple;👪 family;🗣️ speaking;👤 bust;👥 busts people`,
  Nature: `🐶 dog;🐱 cat;🐭 mouse;🐹 hamster;🐰 rabbit;🦊 fox;🐻 bear;🐼 panda;🐨 koala;🐯 tiger;🦁 lion;🐮 cow;🐷 pig;🐸 frog;🐵 monkey;
🐔 chicken;🐧 penguin;🐦 bird;🐤 baby_chick;🦆 duck;🦅 eagle;🦉 owl;🦇 bat;🐺 wolf;🐴 horse;🦄 unicorn;🐝 bee;🐛 bug error;
🦋 butterfly;🐌 snail slow;🐞 ladybug;🐜 ant;🕷️ spider;🦂 scorpion;🐢 turtle;🐍 snake python;🦎 lizard;🦖 t_rex dinosaur;🐙 octopus;
🦑 squid;🦐 shrimp;🦀 crab rust;🐟 fish;🐬 dolphin;🐳 whale docker;🦈 shark;🐊 crocodile;🐘 elephant;🦒 giraffe;🐪 camel;🐑 sheep;
🐐 goat;🦙 llama;🐓 rooster;🦃 turkey;🐿️ chipmunk;🦔 hedgehog;🐾 paw_prints;🌵 cactus;🎄 christmas_tree;🌲 evergreen;🌳 tree;
🌴 palm_tree;🌱 seedling;🌿 herb;☘️ shamrock;🍀 four_leaf_clover luck;🍁 maple_leaf;🍂 fallen_leaf autumn;🍄 mushroom;🌹 rose;
🌷 tulip;🌸 cherry_blossom;🌻 sunflower;💐 bouquet flowers;🌞 sun_face;🌙 moon night;⭐ star;🌟 star2;✨ sparkles new;⚡ zap lightning;
🔥 fire hot;💥 boom;☀️ sunny sun;⛅ partly_sunny;☁️ cloud;🌧️ rain;⛈️ storm;❄️ snowflake cold;⛄ snowman;💨 dash wind;💧 droplet;
🌊 ocean wave;🌈 rainbow;🌍 earth,globe world`,
  Food: `🍏 green_apple;🍎 apple;🍐 pear;🍊 orange,tangerine;🍋 lemon;🍌 banana;🍉 watermelon;🍇 grapes;🍓 strawberry;🍒 cherries;🍑 peach;
🥭 mango;🍍 pineapple;🥥 coconut;🥝 kiwi;🍅 tomato;🥑 avocado;🍆 eggplant;🥦 broccoli;🥒 cucumber;🌶️ hot_pepper;🌽 corn;🥕 carrot;
🧄 garlic;🧅 onion;🥔 potato;🥐 croissant;🍞 bread;🥖 baguette;🥨 pretzel;🧀 cheese;🥚 egg;🍳 cooking,fried_egg;🥞 pancakes;🧇 waffle;
🥓 bacon;🍔 hamburger,burger;🍟 fries;🍕 pizza;🌭 hotdog;🥪 sandwich;🌮 taco;🌯 burrito;🥗 salad;🍝 spaghetti pasta;🍜 ramen noodles;
🍲 stew;🍣 sushi;🍱 bento;🍛 curry;🍚 rice;🍦 icecream;🍩 doughnut donut;🍪 cookie;🎂 birthday cake;🍰 cake;🧁 cupcake;🍫 chocolate;
🍬 candy;🍭 lollipop;🍿 popcorn;🍯 honey;🥛 milk;☕ coffee;🍵 tea;🍺 beer;🍻 beers cheers;🥂 champagne_glass,clinking_glasses cheers;
🍷 wine;🥃 whisky;🍸 cocktail;🍹 tropical_drink;🍾 champagne;🧃 juice;🍴 fork_and_knife lunch`,
  Activities: `⚽ soccer football;🏀 basketball;🏈 american_football;⚾ baseball;🎾 tennis;🏐 volleyball;🏉 rugby;🎱 8ball;🏓 ping_pong;🏸 badminton;
🏒 hockey;🏏 cricket;⛳ golf;🏹 archery;🎣 fishing;🥊 boxing;🛹 skateboard;⛸️ ice_skate;🎿 ski;🏂 snowboarder;🏋️ weight_lifting gym;
🏄 surfer;🏊 swimmer;🚴 cyclist bike;🏆 trophy win;🥇 first_place gold medal;🥈 second_place silver;🥉 third_place bronze;🏅 medal;
🎫 ticket;🎭 theatre;🎨 art paint;🎬 clapper film;🎤 microphone sing;🎧 headphones music;🎹 piano;🥁 drum;🎷 saxophone;🎺 trumpet;
🎸 guitar;🎻 violin;🎲 game_die dice;♟️ chess_pawn;🎯 dart target;🎳 bowling;🎮 video_game;🧩 jigsaw puzzle;🎉 tada,party hooray;
🎊 confetti_ball;🎈 balloon;🎁 gift present`,
  Travel: `🚗 car;🚕 taxi;🚌 bus;🏎️ racing_car fast;🚓 police_car;🚑 ambulance;🚒 fire_engine;🚚 truck delivery;🚜 tractor;🚲 bike bicycle;🛵 scooter;
🚨 rotating_light alert;🚆 train;🚇 metro;✈️ airplane flight;🛫 departure;🛬 arrival;🚀 rocket ship launch;🛸 ufo;🚁 helicopter;⛵ sailboat;
🚢 ship;⚓ anchor;⛽ fuelpump;🚧 construction wip;🚦 traffic_light;🗺️ map;🗽 statue_of_liberty;🏰 castle;⛺ tent camping;🏖️ beach holiday;
🏝️ island;🏔️ mountain;🌋 volcano;🏠 house home;🏢 office;🏥 hospital;🏦 bank;🏫 school;🏭 factory;🌅 sunrise;🌃 night city;🎡 ferris_wheel`,
  Objects: `⌚ watch;📱 phone,iphone mobile;💻 laptop,computer;⌨️ keyboard;🖥️ desktop;🖨️ printer;💾 floppy_disk save;💿 cd;📷 camera photo;
🎥 movie_camera;📺 tv;📻 radio;⏰ alarm_clock;⏳ hourglass wait;🔋 battery;🔌 plug;💡 bulb idea;🔦 flashlight;🕯️ candle;💸 money_with_wings;
💰 moneybag;💳 credit_card;💎 gem;⚖️ scales;🔧 wrench fix;🔨 hammer build;⚙️ gear settings;🧱 brick;🔗 link;🧲 magnet;💣 bomb;🔪 knife;
🛡️ shield security;🔮 crystal_ball;🔭 telescope;🔬 microscope;💊 pill;💉 syringe vaccine;🧪 test_tube test;🧹 broom clean;🧻 toilet_paper;
🛁 bath;🔑 key;🚪 door;🛏️ bed;🛒 shopping_cart;✉️ envelope mail;📧 email;📦 package box release;📫 mailbox;📝 memo note;📁 file_folder;
📅 calendar date;📈 chart_up growth;📉 chart_down;📊 bar_chart;📋 clipboard;📌 pushpin pin;📎 paperclip attach;📏 ruler;✂️ scissors cut;
🗑️ wastebasket trash delete;🔒 lock;🔓 unlock;📖 book read;📚 books;🔖 bookmark;📰 newspaper news;✏️ pencil edit;🔍 mag search;🕶️ shades;
👕 shirt;👖 jeans;👗 dress;👟 shoe;👑 crown king queen;🎩 tophat;🎓 graduation;💍 ring;👜 handbag;🎒 backpack;☂️ umbrella`,
  Symbols: `❤️ heart love;🧡 orange_heart;💛 yellow_heart;💚 green_heart;💙 blue_heart;💜 purple_heart;🖤 black_heart;🤍 white_heart;
💔 broken_heart;💕 two_hearts;💖 sparkling_heart;💘 cupid;💯 100 hundred perfect;💢 anger;💬 speech_balloon;💭 thought_balloon;💤 zzz sleep;
✅ check,white_check_mark done yes;✔️ heavy_check;❌ x no wrong;❎ cross_mark;➕ plus;➖ minus;❓ question;❗ exclamation;⚠️ warning;
🚫 no_entry_sign forbidden;⛔ no_entry;🛑 stop;♻️ recycle;🔔 bell;🔕 no_bell mute;🔊 loud_sound;🔇 mute;📢 loudspeaker announce;📣 mega;
⬆️ arrow_up;⬇️ arrow_down;⬅️ arrow_left;➡️ arrow_right;🔄 arrows_cycle refresh;🔙 back;🆕 new;🆗 ok;🆒 cool;🆘 sos help;🔴 red_circle;
🟠 orange_circle;🟡 yellow_circle;🟢 green_circle;🔵 blue_circle;🟣 purple_circle;⚫ black_circle;⚪ white_circle;▶️ play;⏸️ pause;
⏩ fast_forward;♾️ infinity;🏁 checkered_flag finish;🚩 red_flag;🏳️‍🌈 rainbow_flag pride;🏴‍☠️ pirate_flag`,
};
